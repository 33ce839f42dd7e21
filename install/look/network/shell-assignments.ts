// Files that a shell would source, as Red Hat's /etc/sysconfig has them: NAME=value, with or without quotes.

const ASSIGNMENT = /(?:^|[\s;])([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;"']*)/g

/** The last assignment of a name counts. What a shell would substitute stays as it is written. */
export function shellAssignments(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*#/.test(line)) continue
    for (const [, name = '', value = ''] of line.replace(/\s#.*/, '').matchAll(ASSIGNMENT)) {
      values.set(name, unquoted(value).trim())
    }
  }
  return values
}

function unquoted(value: string): string {
  if (value.startsWith("'")) return value.slice(1, -1)
  if (value.startsWith('"')) return value.slice(1, -1).replace(/\\(["\\$`])/g, '$1')
  return value
}
