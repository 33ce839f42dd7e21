// The block in which GRUB keeps variables from one boot to the next (grub-core/lib/envblk.c): lines
// NAME=VALUE under a signature, filled up with '#' to a size that never changes, as GRUB writes in place.

const SIGNATURE = '# GRUB Environment Block\n'
const BYTES = 1024

/** Why it can't be used; null: it can. `block`: one character a byte, null for a file that is not there. */
export function environmentBlockProblem(block: string | null): string | null {
  if (block === null) return null
  if (!block.startsWith(SIGNATURE)) return 'it has no signature'
  return block.length === BYTES ? null : `it has ${block.length} bytes instead of ${BYTES}`
}

/** The same block with one variable more, or another value of it. Throws a sentence when it is full. */
export function withVariable(block: string | null, name: string, value: string): string {
  const lines = (block ?? SIGNATURE).replace(/#*$/, '').split('\n').filter(isLine)
  const line = `${name}=${value.replace(/[\\\n]/g, '\\$&')}`
  const at = lines.findIndex((one) => one.startsWith(`${name}=`))
  const changed = at < 0 ? [...lines, line] : lines.with(at, line)
  const text = changed.map((one) => `${one}\n`).join('')
  if (text.length > BYTES) throw new Error('the environment block of GRUB is full')
  return text.padEnd(BYTES, '#')
}

const isLine = (line: string): boolean => line !== ''
