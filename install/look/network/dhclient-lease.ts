// dhclient's files of leases (dhclient.leases(5)): statements that end in a semicolon, and blocks in braces.

export interface Block {
  /** Without quotes; a comma stays with its word. */
  words: string[]
  children: Block[]
}

/** Past this a block is not one of dhclient's. */
const DEPTH_MAX = 20

/** The outermost statements; of a text cut off, what is complete in it. */
export function parseBlocks(text: string): Block[] {
  const root: Block = { words: [], children: [] }
  const open = [root]
  let words: string[] = []
  for (const [token, quoted] of text.matchAll(/#.*|"((?:[^"\\\n]|\\.)*)"|[{};]|[^\s{};"]+/g)) {
    if (token.startsWith('#')) continue
    if (quoted !== undefined) words.push(quoted)
    else if (token === ';') {
      open.at(-1)?.children.push({ words, children: [] })
      words = []
    } else if (token === '{') {
      if (open.length === DEPTH_MAX) break
      open.push({ words, children: [] })
      words = []
    } else if (token === '}') {
      const closed = open.length > 1 ? open.pop() : undefined
      if (closed !== undefined) open.at(-1)?.children.push(closed)
      words = []
    } else words.push(token)
  }
  return root.children
}
