// `solocloud install`, step by step: look, plan, print, ask, act.
import { CommanderError } from 'commander'
import { VERSION } from '../protocol/version.ts'
import { ExitCode, InstallError } from './errors.ts'
import type { Io } from './io.ts'
import type { System } from './look/look.ts'
import type { InstallPlan } from './plan/install-plan.ts'
import { planInstall } from './plan/plan.ts'
import { formatPlan, formatRefusals, formatSystem } from './plan/print.ts'
import { parseWords, type Request } from './program.ts'

export interface Steps {
  /** Changes nothing. Rejects with InstallError for a backup that can't be read. */
  look: (request: Request) => Promise<System>
  /** Throws InstallError when it failed; then everything has been taken back. */
  act: (plan: InstallPlan, tell: (line: string) => void) => Promise<void>
}

/** Never throws: every error is told, and becomes an exit code. */
export async function run(argv: readonly string[], io: Io, steps: Steps): Promise<ExitCode> {
  const json = argv.includes('--json')
  try {
    return await install(parseWords(argv, io), io, steps)
  } catch (error) {
    // Asking for help is no error; commander has told the rest.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    const { exitCode, code, message } = asInstallError(error)
    if (json) io.err(`${JSON.stringify({ error: { code, detail: message } })}\n`)
    else io.err(`solocloud: ${message}\n`)
    if (io.env['CLOUD_DEBUG'] === '1') io.err(`${(error as Error).stack ?? ''}\n`)
    return exitCode
  }
}

function asInstallError(error: unknown): InstallError {
  if (error instanceof InstallError) return error
  const message = error instanceof Error ? error.message : String(error)
  const detail = `${message}; this is a bug, run it again with CLOUD_DEBUG=1 and report what it prints.`
  return new InstallError(ExitCode.failed, 'internal', detail)
}

async function install(request: Request, io: Io, steps: Steps): Promise<ExitCode> {
  const { options, json, dryRun } = request
  const system = await steps.look(request)
  const planned = planInstall(system, options)
  if (json) io.out(`${JSON.stringify({ version: VERSION, ...planned })}\n`)
  else io.out(`${formatSystem(system, io.colors)}\n`)
  if ('refusals' in planned) {
    if (!json) io.err(formatRefusals(planned.refusals, io.colors))
    return ExitCode.failed
  }
  const { plan } = planned
  if (!json) io.out(formatPlan(plan, io.colors))
  if (dryRun) return ExitCode.ok
  await confirm(request, io)
  await steps.act(plan, (line) => {
    if (json) io.out(`${JSON.stringify({ event: line })}\n`)
    else io.out(`${line}\n`)
  })
  return ExitCode.ok
}

/** Throws InstallError unless somebody said yes. */
async function confirm({ yes, json }: Request, io: Io): Promise<void> {
  if (yes) return
  if (io.ask === null || json) {
    const why = json ? 'with --json nobody is asked' : 'nobody is there to ask'
    throw new InstallError(
      ExitCode.usage,
      'not-confirmed',
      `Nothing was changed, because ${why}: add --yes, or --dry-run to see the plan only.`,
    )
  }
  const answer = await io.ask('\nMake this machine a node? [y/N] ')
  if (/^y(es)?$/i.test(answer.trim())) return
  throw new InstallError(ExitCode.failed, 'not-confirmed', 'Nothing was changed.')
}
