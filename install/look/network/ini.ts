// Files of [Sections] with Key=value lines: systemd's (systemd.syntax(7)) and NetworkManager's.

export interface Section {
  name: string
  /** In order; a key can come again. */
  entries: [key: string, value: string][]
}

/** `continues`: a backslash at a line's end goes on with the next, as systemd has it. */
export function parseIni(text: string, continues: boolean): Section[] {
  const sections: Section[] = []
  let begun = ''
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(line)) continue
    if (continues && line.endsWith('\\')) {
      begun += `${line.slice(0, -1)} `
      continue
    }
    addLine(sections, (begun + line).trim())
    begun = ''
  }
  addLine(sections, begun.trim())
  return sections
}

function addLine(sections: Section[], line: string): void {
  const [, name] = /^\[([^\]]*)\]$/.exec(line) ?? []
  if (name !== undefined) {
    sections.push({ name, entries: [] })
    return
  }
  const at = line.indexOf('=')
  if (at > 0) sections.at(-1)?.entries.push([line.slice(0, at).trim(), line.slice(at + 1).trim()])
}

/** All values of a key in the sections of that name, in order; an empty one takes back those before it. */
export function valuesOf(sections: readonly Section[], name: string, key: string): string[] {
  const values: string[] = []
  for (const section of sections) {
    if (section.name !== name) continue
    for (const [candidate, value] of section.entries) {
      if (candidate !== key) continue
      if (value === '') values.length = 0
      else values.push(value)
    }
  }
  return values
}

export const valueOf = (
  sections: readonly Section[],
  name: string,
  key: string,
): string | undefined => valuesOf(sections, name, key).at(-1)

/** Lines of KEY=value without sections, as systemd keeps its run-time state. */
export const assignments = (text: string): Map<string, string> =>
  new Map(parseIni(`[all]\n${text}`, false)[0]?.entries ?? [])
