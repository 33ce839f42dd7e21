// halt, reboot and poweroff by name, as OpenVZ and Xen run them: ask PID 1 and wait until it ends this process.
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

export type PowerRole = 'halt' | 'reboot' | 'poweroff'

export interface PowerIo {
  socketPath: string
  /** How long the system may take to go down, milliseconds. */
  downMs: number
  out(line: string): void
  err(line: string): void
}

const ANSWER_MS_MAX = 10_000

const PROCESS_IO: PowerIo = {
  socketPath: '/run/solocloud/manage.sock',
  downMs: 90_000,
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
}

/** `argv`: the words after the role. Sets process.exitCode, unless the system goes down first. */
export async function main(role: PowerRole, argv: readonly string[]): Promise<void> {
  process.exitCode = await run(role, argv, PROCESS_IO)
}

/** 0 for what is done, 1 when the node can't be asked or stays up. */
export async function run(role: PowerRole, argv: readonly string[], io: PowerIo): Promise<number> {
  const flags = new Set(argv.flatMap(flagsOf))
  // They ask for a record in wtmp and for nothing else: that must not take the machine down.
  if (flags.has('w') || flags.has('wtmp-only')) return 0
  if (flags.has('help')) {
    io.out(`Usage: ${role} [-f] [-p] [-n] [-w] (the flags are accepted; -w does nothing at all)`)
    return 0
  }
  // A virtual machine that is halted but not off is paid for: halt is poweroff.
  const powersOff = role !== 'reboot' || flags.has('p') || flags.has('poweroff')
  const action = powersOff ? 'poweroff' : 'reboot'
  try {
    await ask(io.socketPath, `/v1/node/${action}`)
  } catch (error) {
    io.err(`${role}: ${(error as Error).message}`)
    return 1
  }
  io.out(
    action === 'reboot' ? 'The system is going down to reboot.' : 'The system is powering off.',
  )
  await delay(io.downMs)
  io.err(
    `${role}: the system is still up after ${Math.round(io.downMs / 1000)} s; see its console.`,
  )
  return 1
}

/** '-fp' is -f and -p; '--force' is one. A word without a dash (the time of old halts) is ignored. */
function flagsOf(word: string): string[] {
  if (word.startsWith('--')) return [word.slice(2)]
  return word.startsWith('-') ? Array.from(word.slice(1)) : []
}

function ask(socketPath: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, method: 'POST', agent: false }, (response) => {
      response.resume()
      const { statusCode = 0 } = response
      if (statusCode === 202) resolve()
      else reject(new Error(`the node answered HTTP ${statusCode} instead of going down.`))
    })
    asking.setTimeout(ANSWER_MS_MAX, () => {
      asking.destroy(new Error(`the node at ${socketPath} does not answer; see its console.`))
    })
    asking.once('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
      reject(
        absent ? new Error(`no node answers at ${socketPath}; is solocloud PID 1 here?`) : error,
      )
    })
    asking.end()
  })
}
