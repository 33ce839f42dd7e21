// What can't be undone is asked for first.
import type { Context } from './command.ts'
import { CloudError, ExitCode, usageError } from './errors.ts'

/** `what`: a sentence about what will happen. Throws CloudError without a yes: --yes, or one at the terminal. */
export async function agree({ io, options }: Context, what: string): Promise<void> {
  if (options['yes'] === true) return
  if (io.ask === null) throw usageError(`${what} Say so with --yes: nobody is here to be asked.`)
  const answer = await io.ask(`${what} Go on? [y/N] `)
  if (/^y(es)?$/i.test(answer.trim())) return
  throw new CloudError(ExitCode.failed, 'not-agreed', 'Nothing was done.')
}
