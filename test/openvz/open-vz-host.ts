// A machine with a container, as OpenVZ's host is one: it starts the container's /sbin/init, again when asked to.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NamespaceNode, type NodeExit } from '../../demo/namespace-node.ts'
import { removeNodeDirectory } from '../../demo/node-directory.ts'
import { makeCgroup } from '../../demo/own-cgroup.ts'
import { makePipe } from '../../demo/pipe.ts'
import { makeScratch } from '../../demo/scratch.ts'
import { ROOT } from '../../demo/tour.ts'
import { command } from '../../qemu/command.ts'
import { Console } from '../../qemu/console.ts'
import { SshClient } from '../../qemu/ssh-client.ts'
import { Limits } from '../compat/limits.ts'
import { showVz } from '../compat/show-vz.ts'
import { runCloud, stdoutOf } from '../run-cloud.ts'
import { ADDRESSES, makeDebian } from './debian-container.ts'

/** What `cloud` calls the container's node: `ssh root@guest` leads there too. */
export const NODE = 'ssh://root@guest'
const FILE = join(ROOT, 'build/solocloud')
const HOST_ADDRESS = { v4: '192.0.2.1', v6: '2001:db8:41::1' } as const
/** All of them, each as itself. */
const IDS = '0 0 4294967295'
const LOGIN_MS_MAX = 60_000
const DOWN_MS_MAX = 60_000

interface Programs {
  kernel: string
  vzctl: string
  venet: string
}

export class OpenVzHost {
  /** Of this test, with the container's files in `disk`. */
  readonly dir: string
  readonly ssh: SshClient
  readonly #limits: Limits
  readonly #programs: Programs
  /** Holds the network of the host and of who comes in. */
  readonly #holder: ChildProcess
  #cable: ChildProcess | null = null
  #container: NamespaceNode | null = null

  private constructor(
    parts: { dir: string; ssh: SshClient; limits: Limits; holder: ChildProcess },
    programs: Programs,
  ) {
    this.dir = parts.dir
    this.ssh = parts.ssh
    this.#limits = parts.limits
    this.#holder = parts.holder
    this.#programs = programs
  }

  /** With a container that does not run. */
  static async make(report: (line: string) => void): Promise<OpenVzHost> {
    const dir = await mkdtemp(join(await makeScratch(join(ROOT, 'build/openvz-tests')), 'host-'))
    const limits = new Limits()
    const programs = {
      kernel: await limits.compile('openvz-kernel'),
      vzctl: await limits.compile('vzctl'),
      venet: await limits.compile('venet', import.meta.dirname),
    }
    await makeDebian(join(dir, 'disk'), join(dir, 'key'), report)
    // It says a word once it is in its namespace.
    const stay = ['unshare', '--net', '--', 'sh', '-c', 'echo; exec sleep 3600']
    const holder = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...stay], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    const ssh = await SshClient.make(join(dir, 'person'), join(dir, 'key'), holder.pid)
    await ssh.setAddress(`${ADDRESSES.v4}:22`)
    return new OpenVzHost({ dir, ssh, limits, holder }, programs)
  }

  get disk(): string {
    return join(this.dir, 'disk')
  }

  get container(): NamespaceNode {
    if (this.#container === null) throw new Error('BUG: the container does not run')
    return this.#container
  }

  /** `vzctl start`: resolves when its /sbin/init has been started. */
  async start(): Promise<void> {
    const { kernel, vzctl } = this.#programs
    await this.#container?.kill()
    await this.#unplug()
    const socket = join(this.dir, 'vz')
    await showVz(kernel, socket)
    const cgroup = makeCgroup()
    // Else it would find, and rule, this machine's own.
    if (cgroup === null) throw new Error('no cgroup can be made for the container')
    const { reader, writeFd } = makePipe(join(this.dir, 'console'))
    const script = join(import.meta.dirname, 'container.sh')
    const begin = 'set -e; echo $$ >"$1"; shift; exec unshare --mount -- "$@"'
    const words = ['sh', '-c', begin, 'sh', cgroup.procsFile, 'sh', script]
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', '--', ...words, 'host', this.dir, kernel, socket, vzctl],
      { stdio: ['pipe', writeFd, writeFd, 'pipe'], detached: true },
    )
    closeSync(writeFd)
    this.#container = new NamespaceNode(child, new Console(reader), cgroup)
    await this.#container.start([], false, async (pid) => {
      for (const map of ['uid_map', 'gid_map']) await writeFile(`/proc/${pid}/${map}`, IDS)
      await this.#plugIn(pid)
    })
  }

  async #plugIn(pid: number): Promise<void> {
    const networks = [this.#holder.pid, pid].map((one) => `/proc/${one}/ns/net`)
    const words = ['--pdeathsig', 'KILL', '--', this.#programs.venet, ...networks]
    const cable = spawn('setpriv', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#cable = cable
    const ended = once(cable, 'exit').then(() => {
      throw new Error('no venet0 for the container: is there a /dev/net/tun?')
    })
    await Promise.race([once(cable.stdout, 'data'), ended])
    ended.catch(() => undefined)
    for (const line of [
      'link set dev vz0 up',
      ...[`addr add ${HOST_ADDRESS.v4}/32 dev vz0`, `addr add ${HOST_ADDRESS.v6}/128 dev vz0`],
      ...[`route add ${ADDRESSES.v4}/32 dev vz0`, `route add ${ADDRESSES.v6}/128 dev vz0`],
    ])
      await this.outside('ip', ...line.split(' '))
  }

  /** It keeps the container's network until then. */
  async #unplug(): Promise<void> {
    const cable = this.#cable
    this.#cable = null
    if (cable === null || cable.exitCode !== null) return
    const gone = once(cable, 'exit')
    cable.kill('SIGKILL')
    await gone
  }

  /** Runs a program in the host's network; its standard output. */
  async outside(...words: readonly string[]): Promise<string> {
    return command('nsenter', ['--target', `${this.#holder.pid}`, '--net', '--', ...words])
  }

  /** Runs a program as root of the container; its standard output. */
  async inside(...words: readonly string[]): Promise<string> {
    const all = ['--user', '--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--root']
    return command('nsenter', ['--target', `${this.container.pid}`, ...all, '--', ...words])
  }

  /** The same for a program that may end with the container. */
  async exec(program: string): Promise<void> {
    await this.inside(program).catch(() => undefined)
  }

  /** `vzctl stop --fast`. */
  async kill(): Promise<void> {
    await this.container.kill()
  }

  /** How the container ended, when it has. */
  async down(): Promise<NodeExit> {
    return this.container.waitForExit(DOWN_MS_MAX)
  }

  /** The container has asked for it, by its end or by OpenVZ's mark: it is started again. */
  async startAsAsked(): Promise<void> {
    const { signal } = await this.down()
    const mark = join(this.disk, 'reboot')
    if (signal !== 'SIGHUP' && !existsSync(mark)) throw new Error('nobody asks for a start')
    rmSync(mark, { force: true })
    await this.start()
  }

  /** Resolves when a person gets in. Rejects with what the container has printed. */
  async waitForLogin(user = 'root'): Promise<void> {
    try {
      await this.ssh.waitForLogin(LOGIN_MS_MAX, user)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#bootLog()}`, { cause: error })
    }
  }

  /** What PID 1 of a node has said since it was started. */
  #bootLog(): string {
    const path = this.container.path('/run/solocloud/boot.log')
    return existsSync(path) ? readFileSync(path, 'utf8') : this.container.console.tail
  }

  /** Resolves when the node lets its person in. */
  async waitForNode(): Promise<void> {
    await this.waitForLogin()
    const text = await this.ssh.get('cat /image.json')
    if (!text.includes('"management"')) throw new Error(`not the app ssh: ${text}`)
  }

  /** Resolves when the old system lets its person in. */
  async waitForDebian(): Promise<void> {
    await this.waitForLogin()
    const init = await this.ssh.get('cat /proc/1/comm')
    if (init !== 'systemd\n') throw new Error(`not the old system: process 1 is ${init}`)
  }

  /** Copies the built file into root's home. */
  async bring(): Promise<void> {
    await this.ssh.copy(FILE, 'solocloud')
    await this.ssh.get('chmod 755 solocloud')
  }

  /** Runs `cloud`, as the person whose ssh leads to the container; standard output of a run that must succeed. */
  async cloud(...words: readonly string[]): Promise<string> {
    return stdoutOf(words, await runCloud(words, { env: this.ssh.environment }))
  }

  /** `./solocloud install`, as root, or with sudo: what it prints until the container goes down. */
  async install(words: string, user: 'root' | 'debian' = 'root'): Promise<string> {
    const line = `${user === 'root' ? '' : 'sudo '}~root/solocloud install --yes ${words}`
    const { code, stdout, stderr } = await this.ssh.run(line, { user })
    // sshd may go down before it has passed on how the program ended.
    if (code === 0 || (code === 255 && stdout.includes('goes down now'))) return stdout
    throw new Error(`${line}: ended with ${code}\n${stdout}${stderr}`)
  }

  /** The body of a 200 from the container. */
  async get(port: number): Promise<string> {
    const url = `http://${ADDRESSES.v4}:${port}/`
    const program = `
      const reply = await fetch('${url}', { signal: AbortSignal.timeout(5000) })
      process.stdout.write(await reply.text())
      process.exitCode = reply.status === 200 ? 0 : 1`
    return this.outside(process.execPath, '--input-type=module', '-e', program)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container?.kill()
    await this.#unplug()
    this.#holder.kill('SIGKILL')
    this.#limits[Symbol.dispose]()
    await removeNodeDirectory(this.dir)
  }
}
