// The operator's command line.
import { CommanderError } from 'commander'
import { CloudError, ExitCode } from './errors.ts'
import { printError, processIo, type Io } from './io.ts'
import { exitCodeOf, runProgram } from './program.ts'

/** `argv`: the words after the program's name. Sets process.exitCode. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await run(argv, processIo())
}

/** Never throws: every error is told, and becomes an exit code. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await runProgram(argv, io)
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error)
    const told = asCloudError(error)
    printError(io, told, argv.includes('--json'))
    if (io.env['CLOUD_DEBUG'] === '1') io.err.write(`${(error as Error).stack ?? ''}\n`)
    return told.exitCode
  }
}

function asCloudError(error: unknown): CloudError {
  if (error instanceof CloudError) return error
  const message = error instanceof Error ? error.message : String(error)
  const detail = `${message}; this is a bug, run it again with CLOUD_DEBUG=1 and report what it prints.`
  return new CloudError(ExitCode.failed, 'internal', detail)
}
