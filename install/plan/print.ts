// The plan for people, like `terraform plan`: what is there, what will be written, how to go back.
import type { createColors } from 'picocolors'
import { formatTable, type Cell } from '../../terminal/table.ts'
import { formatBytes } from '../../terminal/units.ts'
import { NODE_FILE, STATE_DIRECTORY } from '../../installation/places.ts'
import { CHROOTS, type System } from '../look/look.ts'
import type { InstallPlan, PlannedChange } from './install-plan.ts'
import { systemRows } from './system-rows.ts'
import { firstBootText, trialText, wayBackText } from './sentences.ts'

export type Colors = ReturnType<typeof createColors>

/** Sentences are wrapped to the narrowest terminal that people have. */
const COLUMNS = 80

export function formatSystem(system: System, colors: Colors): string {
  const rows = systemRows(system).map(([name, text]) => [{ text: `  ${name}` }, { text }])
  return section('What is there', formatTable(rows), colors)
}

export function formatPlan(plan: InstallPlan, colors: Colors): string {
  const { firstBoot, permanent, warnings } = plan
  const written = [...createdRows(plan, colors), ...changeRows(firstBoot.once, colors)]
  return [
    section('What will be written', formatTable(written), colors),
    section('First boot', paragraphs(firstBootText(plan)), colors),
    section('Trial', paragraphs(trialText(plan)), colors),
    section('Once it is confirmed', formatTable(changeRows(permanent, colors)), colors),
    section('The way back', paragraphs(wayBackText(plan)), colors),
    ...(warnings.length === 0 ? [] : [section('Mind', bullets(warnings, colors.yellow), colors)]),
  ].join('\n')
}

export function formatRefusals(refusals: readonly string[], colors: Colors): string {
  return section('Nothing was changed, because', bullets(refusals, colors.red), colors)
}

function section(title: string, text: string, colors: Colors): string {
  return `${colors.bold(title)}\n${text}`
}

const paragraphs = (sentences: readonly string[]): string =>
  sentences.map((sentence) => wrap(sentence, '  ', '  ')).join('')

const bullets = (sentences: readonly string[], paint: (text: string) => string): string =>
  sentences.map((sentence) => paint(wrap(sentence, '  - ', '    '))).join('')

/** Lines of at most 80 columns, where words allow it. */
function wrap(sentence: string, first: string, indent: string): string {
  const lines: string[] = []
  let line = first.slice(0, -1)
  for (const word of sentence.split(' ')) {
    if (line.length + 1 + word.length > COLUMNS && line.trim() !== '') {
      lines.push(line)
      line = indent.slice(0, -1)
    }
    line += ` ${word}`
  }
  return [...lines, line].map((text) => `${text}\n`).join('')
}

function createdRows({ system, created }: InstallPlan, colors: Colors): Cell[][] {
  const what: Record<string, string> = {
    [NODE_FILE]: `the node: this very file, ${formatBytes(system.fileBytes)}`,
    [CHROOTS]: chrootsText(system),
    [STATE_DIRECTORY]: 'settings, and the record of this installation',
  }
  return created.map((path) => row(colors.green('+'), path, what[path] ?? ''))
}

function chrootsText({ ssh, backup }: System): string {
  if (backup !== null) return `the apps of the backup${ssh === null ? '' : ', and the app ssh'}`
  return ssh === null ? 'later, what you push' : 'the app ssh, and later what you push'
}

/** `~` changes or replaces what is there. */
function changeRows(changes: readonly PlannedChange[], colors: Colors): Cell[][] {
  return changes.map(({ path, becomes, what }) => {
    const shown = becomes.kind === 'link' ? `${path} -> ${becomes.target}` : path
    return row(colors.yellow('~'), shown, what)
  })
}

/** The sign is one column wide, whatever its colour. */
function row(sign: string, path: string, what: string): Cell[] {
  const mark: Cell = { text: '   ', paint: () => `  ${sign}` }
  return [mark, { text: path }, { text: what }]
}
