// The whole node with the system calls of Linux 3.10, and in a container without rights. Not tested: a real kernel 3.10.
import { statSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXAMPLES, imagePath } from '../../demo/tour.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { isRoot } from '../bundle/built-file.ts'
import { NodeFixture } from '../namespaces/node-fixture.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { DEVICES, KERNEL_FILES, Limits, NO_CGROUPS, SOON } from './limits.ts'
import { added, descriptors, fewestDescriptors, mountPoints, statusOf } from './traces.ts'

interface Kernel {
  name: string
  program: string
  prepare: readonly string[]
  isolation: 'namespaces' | 'chroot'
  /** What PID 1 says that it lacks, beside what this machine itself denies. */
  degraded: readonly string[]
}

const KERNELS: readonly Kernel[] = [
  {
    name: 'Linux 3.10',
    program: 'old-kernel',
    prepare: [...KERNEL_FILES, ...NO_CGROUPS],
    isolation: 'namespaces',
    degraded: ['no cgroups for apps: EROFS'],
  },
  {
    name: 'a container without rights',
    program: 'no-privileges',
    prepare: [...KERNEL_FILES, ...DEVICES],
    isolation: 'chroot',
    degraded: [
      '/run is not mounted: mount /run: EPERM',
      'no device nodes can be made: mknod /run/solocloud/device: EPERM',
      'apps run in a plain chroot: no new namespaces (clone): EPERM',
    ],
  },
]
const NEWER_CALLS = 'getrandom memfd_create renameat2 execveat copy_file_range statx clone3'
/** They answer something else than ENOSYS where they are known. */
const CALLS = [...NEWER_CALLS.split(' '), 'close_range', 'pidfd_open']

describe.runIf(isRoot).each(KERNELS)('on $name', ({ program, prepare, isolation, degraded }) => {
  const limits = new Limits()
  let fixture: NodeFixture
  let before: { descriptors: string[]; mountPoints: string[] }
  beforeAll(async () => {
    const under = limits.script('under', prepare, [await limits.compile(program)])
    fixture = await NodeFixture.make(program, { under })
    const { pid } = fixture.node
    before = { descriptors: await fewestDescriptors(pid), mountPoints: mountPoints(pid) }
  })
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]()
    limits[Symbol.dispose]()
  })

  async function expectAnswers(): Promise<void> {
    for (const { port, answer } of EXAMPLES) {
      await expect.poll(() => fixture.node.get(port), SOON).toMatch(answer)
    }
  }

  test('the node comes up and says what it lacks', async () => {
    const status = nodeStatus(await cloudJson('node', fixture.node.manage), 'node')
    expect(status.isolation).toBe(isolation)
    const said = status.degraded.join('\n')
    for (const sentence of degraded) expect(said).toContain(sentence)
    // Its libraries would be in memory files.
    const inMemory = descriptors(fixture.node.pid).some((name) => name.startsWith('/memfd:'))
    expect(inMemory).toBe(program !== 'old-kernel')
  })

  test('the three apps are pushed and answer', async () => {
    const { manage } = fixture.node
    await Promise.all(EXAMPLES.map(({ image }) => cloud('start', manage, imagePath(image))))
    await expectAnswers()
    const apps = await fixture.apps()
    expect(apps.map((app) => `${app.name} ${app.state} ${app.isolation}`)).toEqual([
      `cpp-hello running ${isolation}`,
      `node-frontend running ${isolation}`,
      `node-greeter running ${isolation}`,
    ])
    expect(await cloud('logs', manage, 'cpp-hello')).toContain('listening on port 8001\n')
    expect(await cloud('logs', manage, 'node-greeter')).not.toBe('')
  })

  test('the filter is in force for PID 1 and everything below it', async () => {
    for (const pid of fixture.processes(/./)) {
      expect([statusOf(pid, 'Seccomp'), statusOf(pid, 'Seccomp_filters')]).toEqual(['2', '1'])
    }
    const image = await newerCallsImage(fixture.scratch, limits)
    await cloud('start', fixture.node.manage, image)
    const said = (await cloud('logs', fixture.node.manage, 'newer-calls')).trim().split('\n')
    expect(said.map((line) => line.split(' ')[0])).toEqual(CALLS)
    const unknown = said
      .filter((line) => line.endsWith(' ENOSYS'))
      .map((line) => line.split(' ')[0])
    expect(unknown).toEqual(program === 'old-kernel' ? CALLS : ['clone3'])
    await cloud('stop', fixture.node.manage, 'newer-calls')
  })

  const testInChroot = isolation === 'chroot' ? test : () => undefined
  testInChroot("an app's devices are the node's own, linked", () => {
    const own = statSync(fixture.node.path('/dev/null'))
    const apps = statSync(fixture.node.path('/chroots/cpp-hello/dev/null'))
    expect(apps.isCharacterDevice()).toBe(true)
    expect(apps.ino).toBe(own.ino)
    expect(own.nlink).toBe(1 + EXAMPLES.length)
  })

  test('a redeploy, and a rollback', async () => {
    const { manage } = fixture.node
    const first = await fixture.app('cpp-hello')
    await cloud('start', manage, imagePath('cpp-hello.txz'))
    const second = await fixture.app('cpp-hello')
    expect(second.generation).toBe(2)
    expect(second.pid).not.toBe(first.pid)
    await cloud('rollback', manage, 'cpp-hello')
    expect((await fixture.app('cpp-hello')).generation).toBe(1)
    await expectAnswers()
  })

  test('PID 1 survives a death of its own, and the apps do not notice', async () => {
    const apps = () => fixture.processes(/^(\/bin\/hello|node \/server)/)
    const life = async () => nodeStatus(await cloudJson('node', fixture.node.manage), 'node').life
    const running = apps()
    expect(running).toHaveLength(EXAMPLES.length)
    fixture.node.signal('SIGSEGV')
    await expect.poll(() => life().catch(() => 0), SOON).toBe(2)
    expect(apps()).toEqual(running)
    expect((await fixture.apps()).map(({ restarts }) => restarts)).toEqual([0, 0, 0])
    expect(statusOf(fixture.node.pid, 'Seccomp')).toBe('2')
    await expectAnswers()
  })

  test('an app that dies is started again, in the same root', async () => {
    const [hello] = fixture.processes(/^\/bin\/hello /)
    if (hello === undefined) throw new Error('cpp-hello does not run')
    process.kill(hello, 'SIGKILL')
    const restarts = async () => (await fixture.app('cpp-hello')).restarts
    await expect.poll(restarts, SOON).toBe(1)
    await expectAnswers()
  })

  test('stopped apps leave nothing: no process, descriptor, mount or file', async () => {
    for (const { name } of EXAMPLES) await cloud('stop', fixture.node.manage, name)
    const { pid } = fixture.node
    expect(await fixture.apps()).toEqual([])
    expect(fixture.chroots()).toEqual(['.generations', '.staging'])
    expect(mountPoints(pid)).toEqual(before.mountPoints)
    await expect.poll(() => fixture.processes(/./), SOON).toEqual([pid])
    // In the first life some have other names: /dev was still to be made.
    const more = (now: string[]) => now.length - before.descriptors.length
    const grown = (now = descriptors(pid)) => (more(now) > 0 ? added(before.descriptors, now) : [])
    await expect.poll(grown, SOON).toEqual([])
    if (isolation === 'chroot') expect(statSync(fixture.node.path('/dev/null')).nlink).toBe(1)
  })

  test('it powers off, and starts again with its app', async () => {
    await cloud('start', fixture.node.manage, imagePath('cpp-hello.txz'))
    expect(await fixture.node.stop()).toEqual({ code: 0, signal: null })
    expect(fixture.processes(/./)).toEqual([])
    await fixture.reboot()
    await expect.poll(() => fixture.node.get(8001), SOON).toMatch(/^Hello/)
    expect(await fixture.node.stop()).toEqual({ code: 0, signal: null })
  })
})

/** An app of one static program, which asks for calls that Linux 3.10 does not know. */
async function newerCallsImage(scratch: string, limits: Limits): Promise<string> {
  const tree = join(scratch, 'newer-calls')
  await mkdir(tree)
  await copyFile(await limits.compile('newer-calls'), join(tree, 'newer-calls'))
  const config = { Entrypoint: ['/newer-calls'] }
  const manifest = { name: 'newer-calls', architecture: 'amd64', config }
  await writeFile(join(tree, 'image.json'), JSON.stringify(manifest))
  await cloud('image', 'build', tree, '-o', `${tree}.tar`)
  return `${tree}.tar`
}
