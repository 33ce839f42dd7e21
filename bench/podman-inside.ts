// Runs inside the sandbox of `podman.ts`: for each line of standard input (a `PodmanTask` in JSON) loads and
// runs the image, waits for its answer, and prints how long that took in ms as a line.
import { createInterface } from 'node:readline'
import { command } from '../qemu/command.ts'
import { ask, httpOk, untilAnswer } from './probe.ts'

export interface PodmanTask {
  archive: string
  tag: string
  port: number
}

const PACE = { pauseMs: 5, attemptMs: 1000, timeoutMs: 120_000 }
const STORE = process.argv[2] ?? ''
// /run is private here. The machine's cgroups are hidden, so podman shall not want any; Debian's defaults
// are otherwise kept where no systemd is needed for them.
const GLOBAL = [
  ...['--root', STORE, '--runroot', '/run/containers', '--tmpdir', '/run/libpod'],
  ...['--runtime', 'crun', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'],
]
const RUN = ['run', '-d', '-q', '--network=host', '--cgroups=disabled', '--log-driver=k8s-file']
const NAME = 'bench'

const podman = async (...words: string[]): Promise<string> =>
  command('podman', [...GLOBAL, ...words])

async function measure({ archive, tag, port }: PodmanTask): Promise<number> {
  const start = performance.now()
  await podman('load', '-q', '-i', archive)
  await podman(...RUN, '--name', NAME, tag)
  const probe = { host: '127.0.0.1', port, ...httpOk('/') }
  await untilAnswer((signal) => ask(probe, signal), PACE)
  const ms = performance.now() - start
  // The next one finds a node without this image, as ours does after `cloud stop`.
  await podman('rm', '-f', '-t', '0', NAME)
  await podman('rmi', '-f', tag)
  return ms
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await measure(JSON.parse(line) as PodmanTask)}\n`)
}
