// A person's ssh, in the network of a node: its own keys, its own known_hosts, and no configuration of this
// machine's.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../../qemu/command.ts'

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

export interface SshClientOptions {
  /** Keys, known_hosts and sockets are below it. */
  directory: string
  /** Words before a command that run it in the node's network. */
  inNetwork: () => readonly string[]
  port: number
}

const RUN_MS_MAX = 60_000
const TUNNEL_MS_MAX = 20_000
const POLL_MS = 50

/** Makes a key pair; its public half, as a line. */
export async function makeKey(directory: string, name: string): Promise<string> {
  const path = join(directory, name)
  await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path])
  return (await command('cat', [`${path}.pub`])).trim()
}

export class SshClient {
  readonly #options: SshClientOptions

  constructor(options: SshClientOptions) {
    this.#options = options
  }

  /** ssh and its options, to be run on this machine; whom to reach comes behind. */
  words(key: string): string[] {
    return [...this.#options.inNetwork(), 'ssh', ...this.#words(key)]
  }

  /** Makes a program `ssh` that has these options as if they were in the person's config; its directory. */
  wrapper(key: string): string {
    const directory = join(this.#options.directory, `bin-${key}-${this.#options.port}`)
    mkdirSync(directory)
    const words = this.#words(key).map((word) => `'${word}'`)
    const script = `#!/bin/sh\nPATH='${process.env['PATH'] ?? ''}' exec ssh ${words.join(' ')} "$@"\n`
    writeFileSync(join(directory, 'ssh'), script, { mode: 0o755 })
    return directory
  }

  #words(key: string): string[] {
    const { directory, port } = this.#options
    const options = {
      ...{
        Port: port,
        IdentityFile: join(directory, key),
        IdentitiesOnly: 'yes',
        BatchMode: 'yes',
      },
      ...{ UserKnownHostsFile: join(directory, 'known_hosts'), StrictHostKeyChecking: 'yes' },
      ...{ GlobalKnownHostsFile: '/dev/null', IdentityAgent: 'none', ConnectTimeout: 10 },
    }
    const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    return ['-F', '/dev/null', ...words]
  }

  #start(program: string, words: readonly string[]): ChildProcess {
    const [file = '', ...before] = this.#options.inNetwork()
    return spawn(file, [...before, program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** `program` takes ssh's own options: ssh, scp, sftp. */
  run(key: string, words: readonly string[], program = 'ssh'): Promise<Finished> {
    const child = this.#start(program, [...this.#words(key), ...words])
    return finished(child)
  }

  /** A local socket that leads to the management socket, as `cloud` makes one. Rejects with what ssh says. */
  async tunnel(
    key: string,
    user: string,
    name: string,
  ): Promise<AsyncDisposable & { path: string }> {
    const path = join(this.#options.directory, `${name}.sock`)
    const forward = [
      '-N',
      '-L',
      `${path}:/run/solocloud/manage.sock`,
      '-o',
      'ExitOnForwardFailure=yes',
    ]
    const child = this.#start('ssh', [...this.#words(key), ...forward, `${user}@127.0.0.1`])
    const ended = finished(child)
    const end = async (): Promise<void> => {
      child.kill('SIGTERM')
      await ended
    }
    const endMs = performance.now() + TUNNEL_MS_MAX
    while (!existsSync(path)) {
      if (child.exitCode !== null || performance.now() > endMs) {
        await end()
        throw new Error(`ssh does not forward: ${(await ended).stderr}`)
      }
      await sleep(POLL_MS)
    }
    return { path, [Symbol.asyncDispose]: end }
  }
}

async function finished(child: ChildProcess): Promise<Finished> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  clearTimeout(timer)
  return { code, stdout, stderr }
}
