// A person with an ssh key and a known_hosts file of their own: runs the real ssh and scp against a guest.
import { spawn } from 'node:child_process'
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { atCable } from './cable.ts'

export interface SshResult {
  /** ssh's own failures are 255. */
  code: number
  stdout: string
  stderr: string
}

/** What ssh says of itself where the other side is not there, or not yet, or was there a moment ago. */
const SSH_FAILED = 255
/** A login in emulation, on a busy machine. */
const CONNECT_S_MAX = 60
const COMMAND_MS_MAX = 300_000
const POLL_MS = 500

/** `Host guest` is whatever answers at the address last given to `setAddress`, under one name in known_hosts. */
export class SshClient {
  readonly #dir: string
  readonly #namespaceOf: number | null

  private constructor(dir: string, namespaceOf: number | null) {
    this.#dir = dir
    this.#namespaceOf = namespaceOf
  }

  /**
   * Makes `dir`. `key`: the file of a private key, copied with the permissions that ssh asks for.
   * `namespaceOf`: of which process's network this person sits in.
   */
  static async make(
    dir: string,
    key: string,
    namespaceOf: number | null = null,
  ): Promise<SshClient> {
    await mkdir(join(dir, 'bin'), { recursive: true, mode: 0o700 })
    await copyFile(key, join(dir, 'key'))
    await chmod(join(dir, 'key'), 0o600)
    // ssh looks for a person's config where the password database says, not where $HOME does.
    const ssh = ['/usr/bin/ssh', '-F', `'${join(dir, 'config')}'`, '"$@"']
    const words = namespaceOf === null ? ssh : atCable(namespaceOf, ssh)
    const script = `#!/bin/sh\nexec ${words.join(' ')}\n`
    await writeFile(join(dir, 'bin/ssh'), script, { mode: 0o755 })
    return new SshClient(dir, namespaceOf)
  }

  /** Another person, in `dir`, with the same key, who has met the same hosts. */
  async twin(dir: string): Promise<SshClient> {
    const twin = await SshClient.make(dir, join(this.#dir, 'key'), this.#namespaceOf)
    await copyFile(this.knownHosts, twin.knownHosts)
    return twin
  }

  get knownHosts(): string {
    return join(this.#dir, 'known_hosts')
  }

  /** Where the guest is reached, as HOST:PORT or [HOST]:PORT; this changes with each start of QEMU. */
  async setAddress(address: string): Promise<void> {
    const { hostname, port } = new URL(`ssh://${address}`)
    const config = `Host guest
HostName ${hostname.replace(/^\[|\]$/g, '')}
Port ${port}
HostKeyAlias guest
UserKnownHostsFile ${this.knownHosts}
IdentityFile ${join(this.#dir, 'key')}
IdentitiesOnly yes
IdentityAgent none
BatchMode yes
# The first host key is learnt; another one later is refused.
StrictHostKeyChecking accept-new
UpdateHostKeys no
ConnectTimeout ${CONNECT_S_MAX}
ServerAliveInterval 15
# A guest that loads a kernel, on a busy machine, does nothing else meanwhile.
ServerAliveCountMax 10
LogLevel ERROR
# The cheapest in emulation.
Ciphers aes128-gcm@openssh.com
KexAlgorithms curve25519-sha256
`
    await writeFile(join(this.#dir, 'config'), config)
  }

  /** An environment in which `ssh` is this person's, for programs that start it. */
  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, PATH: `${join(this.#dir, 'bin')}:${process.env['PATH'] ?? ''}` }
  }

  /** Runs a shell command in the guest; resolves with whatever exit code. */
  async run(
    shellCommand: string,
    { user = 'root', timeoutMs = COMMAND_MS_MAX } = {},
  ): Promise<SshResult> {
    return this.#spawn('ssh', ['-l', user, 'guest', '--', shellCommand], timeoutMs)
  }

  /** The output of a command that must end with 0. */
  async get(
    shellCommand: string,
    options: { user?: string; timeoutMs?: number } = {},
  ): Promise<string> {
    return expectOk(await this.run(shellCommand, options), shellCommand)
  }

  /** Copies a file from here. */
  async copy(local: string, remote: string, user = 'root'): Promise<void> {
    // The old protocol, in which nothing is acknowledged piece by piece, takes half the time in emulation.
    const words = ['-O', '-S', join(this.#dir, 'bin/ssh'), local, `${user}@guest:${remote}`]
    expectOk(await this.#spawn('scp', words, COMMAND_MS_MAX), `scp ${local}`)
  }

  /** Resolves with the time it took, in ms, once a login works; rejects with ssh's last words. */
  async waitForLogin(timeoutMs: number, user = 'root'): Promise<number> {
    const start = performance.now()
    for (;;) {
      const leftMs = timeoutMs - (performance.now() - start)
      const { code, stderr } = await this.run('true', {
        user,
        timeoutMs: Math.max(1000, Math.ceil(leftMs)),
      })
      const tookMs = performance.now() - start
      if (code === 0) return tookMs
      // Another host key does not become right by waiting.
      const final = code !== SSH_FAILED || stderr.includes('Host key verification failed')
      if (final || tookMs > timeoutMs)
        throw new Error(`no login after ${Math.round(tookMs)} ms: ${stderr.trim()}`)
      await sleep(POLL_MS)
    }
  }

  async #spawn(program: string, words: readonly string[], timeoutMs: number): Promise<SshResult> {
    const child = spawn(program, words, {
      ...{ env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] },
      ...{ timeout: timeoutMs, killSignal: 'SIGKILL' },
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => {
        if (code === null) stderr += `${program} was ended after ${timeoutMs} ms`
        resolve({ code: code ?? SSH_FAILED, stdout, stderr })
      })
    })
  }
}

function expectOk({ code, stdout, stderr }: SshResult, what: string): string {
  if (code === 0) return stdout
  throw new Error(`${what}: ended with ${code}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`)
}
