// The words of the command line: commander finds the command and its options, and writes the help.
import { Command, CommanderError } from 'commander'
import { VERSION } from '../protocol/version.ts'
import type { CommandSpec } from './command.ts'
import { confirm } from './commands/confirm.ts'
import { imageBuild, imageInspect } from './commands/image.ts'
import { logs } from './commands/logs.ts'
import { node } from './commands/node.ts'
import { poweroff, reboot } from './commands/power.ts'
import { ps } from './commands/ps.ts'
import { restart } from './commands/restart.ts'
import { rollback } from './commands/rollback.ts'
import { start } from './commands/start.ts'
import { stop } from './commands/stop.ts'
import { upgrade } from './commands/upgrade.ts'
import { ExitCode } from './errors.ts'
import type { Io } from './io.ts'
import { SshTunnels } from './ssh-tunnels.ts'

const COMMANDS = [
  start,
  stop,
  ps,
  logs,
  restart,
  rollback,
  node,
  confirm,
  upgrade,
  reboot,
  poweroff,
]
const IMAGE_COMMANDS = [imageBuild, imageInspect]

const HELP = `
NODE is ssh://[USER@]HOST[:PORT], HOST:PORT, [IPV6]:PORT or unix:/PATH: the first word with a
colon. Without one it is $CLOUD_NODE, else this machine when it is a node. With ssh:// your own ssh
program and its config make the connection; any HOST that \`ssh HOST\` knows will do.
APP is a name, or an image's file: foo, foo.txz and bar/foo.txz are all the app foo.

Exit codes:
  0    done
  1    the node, or this machine, could not do it
  2    the command line is wrong
  3    the node can't be reached, or the connection broke
  4    the node has no such app
  141  whoever read our output went away

Examples:
  cloud image build ./foo -o bar/foo.txz
  cloud start ssh://root@1.2.3.4 bar/foo.txz
  cloud start 1.2.3.4:5678 bar/foo.txz
  cloud logs 1.2.3.4:5678 -f foo
  cloud stop 1.2.3.4:5678 foo.txz`

/** Parses `argv` and runs its command. Throws CloudError, and CommanderError for help and wrong words. */
export async function runProgram(argv: readonly string[], io: Io): Promise<ExitCode> {
  let outcome: ExitCode = ExitCode.ok
  const program = new Command('cloud')
    .description('Runs images on the nodes of your own cloud.')
    .version(VERSION, '-V, --version')
    .option('--json', 'machine output: one JSON value, or one a line for streams')
    .addHelpText('after', HELP)
  const image = new Command('image').description('make images, and look into them')
  settle(program, io)
  settle(image, io)
  using tunnels = new SshTunnels(io.env)
  const surroundings: Surroundings = { io, tunnels, done: (code) => void (outcome = code) }
  for (const spec of COMMANDS) program.addCommand(newCommand(spec, surroundings))
  for (const spec of IMAGE_COMMANDS) image.addCommand(newCommand(spec, surroundings))
  program.addCommand(image)
  await program.parseAsync(argv, { from: 'user' })
  return outcome
}

interface Surroundings {
  io: Io
  tunnels: SshTunnels
  done: (code: ExitCode) => void
}

function newCommand(spec: CommandSpec, surroundings: Surroundings): Command {
  const { io, tunnels, done } = surroundings
  const command = new Command(spec.name)
    .usage(`[options] ${spec.usage}`)
    .summary(spec.summary)
    .description(`${spec.summary.charAt(0).toUpperCase()}${spec.summary.slice(1)}.`)
    .argument('[words...]')
    .option('--json', 'machine output')
  settle(command, io)
  spec.options?.(command)
  for (const below of spec.commands ?? []) command.addCommand(newCommand(below, surroundings))
  command.action(async (words: string[]) => {
    const options: Record<string, unknown> = command.optsWithGlobals()
    done(await spec.run({ io, tunnels, json: options['json'] === true, options }, words))
  })
  return command
}

/** Errors come back to us as CommanderError, already told to the operator. */
function settle(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.out.write(text),
    writeErr: (text) => io.err.write(text),
    outputError: (text, write) =>
      write(`cloud: ${text.replace(/^error: /, '')}See \`cloud --help\`.\n`),
  })
  command.configureHelp({
    visibleArguments: () => [],
    subcommandTerm: (child) => `${child.name()} ${child.usage().replace('[options] ', '')}`,
  })
}

/** What a CommanderError means: asking for help or the version is no error. */
export function exitCodeOf(error: CommanderError): ExitCode {
  return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
}
