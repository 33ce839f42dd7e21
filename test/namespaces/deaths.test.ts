// Every kind of death of PID 1 in turn, in a container: the node is there again, and no app notices.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { FAULT_KINDS, MACHINE_FAULTS, type FaultKind } from '../../init/fault-spec.ts'
import type { CrashReport } from '../../protocol/api.ts'
import { nodeHistory, nodeStatus } from '../../protocol/wire.ts'
import { causeFault } from '../cause-fault.ts'
import { probeImage } from '../probe-image.ts'
import { cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const FAULTS = '/run/solocloud/faults'
const APP = 'steady'
const PORT = 8010
/** A hang is noticed after ten seconds; on a busy machine a life takes a second or two to begin. */
const NEXT_LIFE_MS_MAX = 30_000
const kinds = FAULT_KINDS.filter((kind) => !MACHINE_FAULTS.some((one) => one === kind))

async function makeNode(name: string, ...settings: string[]): Promise<NodeFixture> {
  const made = await NodeFixture.make(name, {
    settings: [`solocloud.faults=listen:${FAULTS}`, ...settings],
  })
  await mkdir(join(made.scratch, 'images'))
  const image = await probeImage(join(made.scratch, 'images'), { name: APP, port: PORT })
  await cloud('start', made.node.manage, image)
  return made
}

const die = ({ node }: NodeFixture, kind: FaultKind) =>
  causeFault({ path: node.path(FAULTS) }, kind)

/** The number of the life that answers; 0: none does. */
async function lifeOf({ node }: NodeFixture): Promise<number> {
  const { code, stdout } = await runCloud(['node', node.manage, '--json'])
  return code === 0 ? nodeStatus(JSON.parse(stdout), 'node').life : 0
}

const reaches = (node: NodeFixture, life: number): Promise<void> =>
  vi.waitFor(async () => expect(await lifeOf(node)).toBe(life), {
    timeout: NEXT_LIFE_MS_MAX,
    interval: 50,
  })

/** What the report says of each kind; of the others, the signal. */
const REASONS: Readonly<Record<string, string>> = {
  heap: 'JavaScript heap exhausted',
  throw: 'uncaught exception',
  reject: 'unhandled rejection',
  exit: 'exit',
  'process-abort': 'SIGABRT',
  hang: 'hang',
  'native-hang': 'hang',
  'sleep-hang': 'hang',
  stack: 'SIGSEGV',
  'native-exit': 'exit',
  'fast-exit': '_exit',
  empty: 'the end of main()',
}
const reasonOf = (kind: FaultKind): string => {
  const [name = ''] = kind.replace('signal:SIG', '').split('@')
  return REASONS[name] ?? `SIG${name.toUpperCase()}`
}

/** The report about that life. */
async function reportOf({ node }: NodeFixture, life: number): Promise<CrashReport> {
  const { crashes } = nodeHistory(await cloudJson('node', 'crashes', node.manage), 'crashes')
  const found = crashes.find((report) => report.life === life)
  if (found === undefined) throw new Error(`no report about life ${life}`)
  return found
}

/** What must not grow from life to life. */
function belongings({ node }: NodeFixture): Record<string, unknown> {
  const proc = `/proc/${node.pid}`
  const links = readdirSync(`${proc}/fd`).map((fd) => readlinkSync(`${proc}/fd/${fd}`))
  return {
    // A socket's number is new in each life.
    descriptors: links.map((link) => link.replace(/\d+/g, '')).sort(),
    children: readFileSync(`${proc}/task/${node.pid}/children`, 'utf8'),
    environment: readFileSync(`${proc}/environ`, 'utf8'),
    words: readFileSync(`${proc}/cmdline`, 'utf8'),
  }
}

describe('one after another', () => {
  let node: NodeFixture
  let pid: number | null
  let before: Record<string, unknown>
  // More lives than in a second: never a crash loop.
  beforeAll(async () => {
    node = await makeNode('deaths', 'solocloud.crashloop=60/1')
    pid = (await node.app(APP)).pid
    await die(node, 'segv')
    await reaches(node, 2)
    before = belongings(node)
  })
  afterAll(() => node[Symbol.asyncDispose]())

  test.each(kinds)('%s', async (kind) => {
    const life = await lifeOf(node)
    await die(node, kind)
    await reaches(node, life + 1)
    expect(await node.app(APP)).toMatchObject({ state: 'running', pid, restarts: 0 })
    expect(await node.node.get(PORT, '/')).toBe('probe\n')
    expect(await reportOf(node, life)).toMatchObject({ reason: reasonOf(kind) })
  })

  test('and nothing has piled up', async () => {
    expect(node.processes(/\/bin\/probe/)).toHaveLength(1)
    await expect.poll(() => belongings(node)).toEqual(before)
    const { code } = await node.node.stop()
    expect(code).toBe(0)
  })
})

test('with more than five lives in a minute it waits, and the apps answer meanwhile', async () => {
  await using node = await makeNode('crash-loop')
  for (let life = 2; life <= 6; life++) {
    await die(node, 'segv')
    if (life < 6) await reaches(node, life)
  }
  await node.node.console.waitFor(/life 6 begins in 1 s; the apps go on/, NEXT_LIFE_MS_MAX)
  const asked = performance.now()
  expect(await node.node.get(PORT, '/')).toBe('probe\n')
  await reaches(node, 6)
  // A life that does not last makes the next wait longer.
  await die(node, 'abrt')
  await node.node.console.waitFor(/life 7 begins in 2 s; the apps go on/, NEXT_LIFE_MS_MAX)
  expect(await node.node.get(PORT, '/')).toBe('probe\n')
  await reaches(node, 7)
  expect(performance.now() - asked).toBeGreaterThan(2000)
  expect((await node.app(APP)).restarts).toBe(0)
})

test.each(['segv', 'throw', 'loader'] as const)(
  'a life that ends in its first moments: %s',
  async (kind) => {
    const word = kind === 'loader' ? 'loader*2' : `start:${kind}*2`
    await using node = await NodeFixture.make(`early-${kind}`, {
      settings: [`solocloud.faults=${word}`],
    })
    expect(await lifeOf(node)).toBe(3)
  },
)

test('after a death on another thread, too, it ends with whoever has started it', async () => {
  await using node = await NodeFixture.make('parent', {
    settings: [`solocloud.faults=listen:${FAULTS}`],
  })
  await die(node, 'segv@thread')
  await reaches(node, 2)
  const { pid } = node.node
  try {
    await node.node.kill()
  } finally {
    if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
  }
})
