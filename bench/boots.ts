// The first half of the table: two virtual VPSes with the same kernel, the same 256 MB and one processor.
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeStatus } from '../protocol/api.ts'
import { MANAGEMENT_PORT } from '../qemu/vps.ts'
import { IDLE_S, PODMAN_PORT } from './debian-files.ts'
import { usedBytes } from './debian-disk.ts'
import { type Guest, type Machine, reportedMemory, timeToAnswer, withGuest } from './guest.ts'
import { httpOk, type Probe, SSH_BANNER } from './probe.ts'
import { inTurns } from './in-turns.ts'
import type { Row } from './table.ts'

/** Paths of both systems' disks: fresh, and with the app installed, so that it starts at boot. */
export interface Disks {
  ours: { fresh: string; withApp: string }
  theirs: { fresh: string; withApp: string }
}

type Question = Pick<Probe, 'send' | 'expect'>
type Report = (line: string) => void

const SSH_PORT = 22

/** Powers both guests on again and again. `appPort` is where the installed app answers. */
export async function bootRows(
  machine: Machine,
  disks: Disks,
  appPort: number,
  repetitions: number,
  report: Report,
): Promise<Row[]> {
  const boot = (disk: string, port: number, question: Question) => async () =>
    withGuest(machine, disk, [port], (guest) => timeToAnswer(guest, port, question))
  const answers = httpOk('/v1/node')
  const { ours, theirs } = disks
  report(`power-on to management, ${repetitions} times, both guests`)
  const [managed, sshd] = await inTurns(repetitions, [
    boot(ours.fresh, MANAGEMENT_PORT, answers),
    boot(theirs.fresh, SSH_PORT, SSH_BANNER),
  ] as const)
  report(`power-on to podman's API, ${repetitions} times`)
  const [api] = await inTurns(repetitions, [
    boot(theirs.fresh, PODMAN_PORT, httpOk('/_ping')),
  ] as const)
  report(`power-on to the app, ${repetitions} times, both guests`)
  const [ourApp, theirApp] = await inTurns(repetitions, [
    boot(ours.withApp, appPort, httpOk('/')),
    boot(theirs.withApp, appPort, httpOk('/')),
  ] as const)
  const time = (measure: string, mine: number[], peer: string, others: number[]): Row => ({
    measure,
    unit: 'ms',
    ours: mine,
    peer,
    theirs: others,
  })
  return [
    time('power-on to management answering', managed, 'sshd', sshd),
    time('power-on to management answering', managed, 'podman API', api),
    time("power-on to the C++ app's first 200", ourApp, 'systemd + podman', theirApp),
    ...(await memoryRows(machine, disks, appPort, report)),
    {
      measure: 'disk used by the system',
      unit: 'bytes',
      ours: [await usedBytes(ours.fresh)],
      peer: 'Debian minimal',
      theirs: [await usedBytes(theirs.fresh)],
    },
  ]
}

async function memoryRows(
  machine: Machine,
  { ours, theirs }: Disks,
  appPort: number,
  report: Report,
): Promise<Row[]> {
  report('memory when idle, both guests, without and with the app')
  const mine = async (disk: string, port: number, question: Question) =>
    withGuest(machine, disk, [port], async (guest) => {
      await timeToAnswer(guest, port, question)
      await sleep(IDLE_S * 1000)
      return nodeMemory(guest)
    })
  const others = async (disk: string) => withGuest(machine, disk, [], reportedMemory)
  const row = (measure: string, ourBytes: number, theirBytes: number): Row => ({
    measure,
    unit: 'bytes',
    ours: [ourBytes],
    peer: 'Debian minimal',
    theirs: [theirBytes],
  })
  return [
    row(
      'memory in use, idle, no app',
      await mine(ours.fresh, MANAGEMENT_PORT, httpOk('/v1/node')),
      await others(theirs.fresh),
    ),
    row(
      'memory in use, idle, the C++ app running',
      await mine(ours.withApp, appPort, httpOk('/')),
      await others(theirs.withApp),
    ),
  ]
}

/** MemTotal - MemAvailable of a solocloud node, in bytes. */
async function nodeMemory({ vps }: Guest): Promise<number> {
  const reply = await fetch(`http://${vps.manage}/v1/node`, { signal: AbortSignal.timeout(10_000) })
  const { memory } = (await reply.json()) as NodeStatus
  return memory.totalBytes - memory.availableBytes
}
