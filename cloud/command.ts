// What every command is made of, and what it is given.
import type { Command } from 'commander'
import { NodeClient, type Tunnels } from './client.ts'
import { CloudError, ExitCode } from './errors.ts'
import { printError, type Io } from './io.ts'
import { takeNode } from './node-address.ts'

export interface Context {
  io: Io
  /** Machine output: one JSON value, or one a line for streams. */
  json: boolean
  /** Open until the command has ended. */
  tunnels: Tunnels
  options: Readonly<Record<string, unknown>>
}

export interface CommandSpec {
  name: string
  /** The words after the options, for the help. */
  usage: string
  summary: string
  options?: (command: Command) => void
  /** Commands below this one, found by the first word: `cloud node crashes`. */
  commands?: readonly CommandSpec[]
  run(context: Context, words: readonly string[]): Promise<ExitCode>
}

export function clientFor(context: Context, words: readonly string[]): [NodeClient, string[]] {
  const target = takeNode(words, context.io.env)
  return [new NodeClient(target.node, context.tunnels), target.words]
}

/**
 * Runs `act` for one name after another. One failure does not keep the others from being tried, except that
 * a node that can't be reached is not asked again. Resolves with the first failure's code.
 */
export async function forEachApp(
  context: Context,
  names: readonly string[],
  act: (name: string) => Promise<void>,
): Promise<ExitCode> {
  let outcome: ExitCode = ExitCode.ok
  for (const name of names) {
    try {
      await act(name)
    } catch (error) {
      if (!(error instanceof CloudError)) throw error
      printError(context.io, error, context.json, name)
      if (outcome === ExitCode.ok) outcome = error.exitCode
      if (error.exitCode === ExitCode.unreachable) break
    }
  }
  return outcome
}
