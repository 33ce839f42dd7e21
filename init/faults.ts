// Deaths on demand (`solocloud.faults`), for the tests that prove that PID 1 survives them.
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import process from 'node:process'
import type { Life } from '../sys/life.ts'
import type { Native } from '../sys/native.ts'
import { check } from '../sys/sys-error.ts'
import type { BootLog } from './console.ts'
import {
  isFaultKind,
  isScriptFault,
  type FaultKind,
  type FaultSpec,
  type ScriptFault,
} from './fault-spec.ts'

export interface FaultOptions {
  native: Pick<Native, 'fault'>
  life: Pick<Life, 'get'>
  log: Pick<BootLog, 'complain'>
  /** From the settings; the loader has looked for the word itself, and its answer counts. */
  faults: readonly FaultSpec[]
  /** Does not return for every kind, in a real life. */
  cause?: (kind: FaultKind) => void
}

/** The longest kind, with room. */
const LINE_CHARACTERS_MAX = 64
const EXIT_STATUS = 3

export function startFaults(options: FaultOptions): void {
  const { native, life, log, faults } = options
  if (faults.length === 0) return
  if (life.get('faults') !== 1) {
    log.complain('solocloud.faults is ignored: the loader has not seen it', null)
    return
  }
  const cause = options.cause ?? ((kind) => causeFault(native, kind))
  log.complain('deaths can be asked for (solocloud.faults): this node is for tests', null)
  for (const spec of faults) {
    if ('listen' in spec) listen(spec.listen, log, cause)
    else if ('start' in spec && life.get('lives') <= spec.lives) cause(spec.start)
  }
}

function listen(
  where: Extract<FaultSpec, { listen: unknown }>['listen'],
  log: FaultOptions['log'],
  cause: (kind: FaultKind) => void,
): void {
  const server = createServer((socket) => serve(socket, cause))
  server.on('error', (error) => log.complain('no deaths can be asked for', error))
  // The life before has left its socket's name.
  if ('path' in where) rmSync(where.path, { force: true })
  server.listen(where)
}

/** One line a connection; the answer leaves before the death comes. */
function serve(socket: Socket, cause: (kind: FaultKind) => void): void {
  let text = ''
  const take = (chunk: string): void => {
    text += chunk
    const end = text.indexOf('\n')
    if (end < 0 && text.length <= LINE_CHARACTERS_MAX) return
    socket.off('data', take)
    const kind = text.slice(0, Math.max(end, 0))
    if (isFaultKind(kind)) socket.write(`ok ${kind}\n`, () => cause(kind))
    else socket.end('no such kind\n')
  }
  // Who hangs up has no use for an answer; a death that was asked for comes all the same.
  socket.on('error', () => undefined)
  socket.setEncoding('utf8').on('data', take)
}

/** Throws SysError EPERM for a death of the machine where that is not ours. */
function causeFault(native: Pick<Native, 'fault'>, kind: FaultKind): void {
  if (isScriptFault(kind)) scriptFaults[kind]()
  else check(native.fault(kind), 'fault', kind)
}

const scriptFaults: Readonly<Record<ScriptFault, () => void>> = {
  heap() {
    const kept: number[][] = []
    for (;;) kept.push(new Array<number>(65_536).fill(kept.length))
  },
  throw: () =>
    void setImmediate(() => {
      throw new Error('fault: throw')
    }),
  reject: () => void Promise.reject(new Error('fault: reject')),
  exit: () => process.exit(EXIT_STATUS),
  'process-abort': () => process.abort(),
  hang() {
    for (;;) continue
  },
}
