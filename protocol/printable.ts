// Text of somebody else's in a sentence of ours: it ends up on a terminal, which must not obey it.

/** Control characters, C0 and C1, as JSON escapes them. */
export function printable(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** In double quotes, as JSON has it, and cut to `charsMax` characters. */
export function quoted(text: string, charsMax: number): string {
  return printable(JSON.stringify(text.length > charsMax ? `${text.slice(0, charsMax)}...` : text))
}
