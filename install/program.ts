// The words of `solocloud install`: commander finds the options and writes the help.
import { Command, Option } from 'commander'
import { parseHostPort } from '../protocol/host-port.ts'
import { usageError } from './errors.ts'
import type { Io } from './io.ts'
import type { InstallOptions } from './plan/install-plan.ts'

export interface Request {
  options: InstallOptions
  /** An archive of `cloud node backup`. */
  restore: string | null
  dryRun: boolean
  yes: boolean
  json: boolean
}

const HELP = `
It looks, prints what it would do, and asks. Nothing has changed before that, and whatever goes wrong
after that is taken back. The first boot is on trial: without \`cloud confirm\` the old system returns.

Exit codes:
  0    done, and the machine is going down into the node; with --dry-run, it could be done
  1    it can't be done here, or it went wrong and was taken back
  2    the command line is wrong

Examples:
  ./solocloud install --dry-run
  ./solocloud install
  ./solocloud install --no-ssh --manage 0.0.0.0:5678 --insecure --yes`

const METHODS = ['auto', 'kexec', 'grub', 'pygrub', 'openvz'] as const
const SECOND_MS = 1000
const UNITS_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3600 * SECOND_MS,
}
const TRIAL_MS_MIN = 30 * SECOND_MS
const TRIAL_MS_MAX = 7 * 24 * 3600 * SECOND_MS

/** Throws CommanderError for help and wrong words, InstallError for wrong values. */
export function parseWords(argv: readonly string[], io: Io): Request {
  const program = new Command('solocloud install')
    .usage('[options]')
    .description('Makes this machine a node, in place of the system that runs on it. As root.')
    .addOption(
      new Option('--method <method>', 'how the first boot comes about')
        .choices(METHODS)
        .default('auto'),
    )
    .option('--trial <time>', 'how long the node waits for `cloud confirm`: 90s, 15m, 2h', '15m')
    .option('--no-ssh', 'do not make an app of the sshd of this system')
    .option('--manage <address>', 'let the node be managed at HOST:PORT too')
    .option('--insecure', 'yes, --manage lets everybody in who reaches it', false)
    .option('--purge', 'delete the old system as soon as the node is confirmed', false)
    .option('--keep <path>', 'what a purge leaves; may be repeated', collect, [])
    .option('--restore <file>', 'become the node that `cloud node backup` wrote this file of')
    .option('--dry-run', 'print the plan and do nothing', false)
    .option('--yes', 'do not ask', false)
    .option('--json', 'machine output: one JSON value a line', false)
    .addHelpText('after', HELP)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      outputError: (text, write) =>
        write(
          `solocloud: ${text.replace(/^error: /, '').replace(/\.?\n$/, '')}. See \`solocloud install --help\`.\n`,
        ),
    })
  program.parse(argv, { from: 'user' })
  return requestOf(program.opts())
}

const collect = (path: string, paths: readonly string[]): string[] => [...paths, path]

interface Options {
  method: InstallOptions['method']
  trial: string
  ssh: boolean
  manage?: string
  insecure: boolean
  purge: boolean
  keep: string[]
  restore?: string
  dryRun: boolean
  yes: boolean
  json: boolean
}

function requestOf(words: Options): Request {
  const { method, ssh, insecure, purge, keep, dryRun, yes, json } = words
  const manage = words.manage ?? null
  if (manage !== null && parseHostPort(manage) === null)
    throw usageError(`--manage wants HOST:PORT, like 0.0.0.0:5678 or [::]:5678, not "${manage}".`)
  for (const path of keep) {
    if (!path.startsWith('/') || path.split('/').includes('..'))
      throw usageError(`--keep wants an absolute path without "..", not "${path}".`)
  }
  const options = { method, ssh, manage, insecure, purge, keep, trialMs: trialMs(words.trial) }
  return { options, restore: words.restore ?? null, dryRun, yes, json }
}

function trialMs(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,6})([smh])$/.exec(text) ?? []
  const ms = Number(digits) * (UNITS_MS[unit] ?? NaN)
  if (ms >= TRIAL_MS_MIN && ms <= TRIAL_MS_MAX) return ms
  throw usageError(`--trial wants a time from 30s to 168h, like 90s, 15m or 2h, not "${text}".`)
}
