// Run by spawn-native.test.ts in namespaces of its own: children of Native.spawn in yet newer ones.
import { readlinkSync } from 'node:fs'
import { loadNative } from '../../sys/load.ts'
import { decodeWaitStatus, namespaceFlags, reapInto, spawn } from '../../sys/process.ts'

const native = loadNative()
const names = ['pid', 'mnt', 'ipc', 'uts', 'net'] as const
const ours = Object.fromEntries(names.map((name) => [name, readlinkSync(`/proc/self/ns/${name}`)]))
const script = `const fs = require('fs')
  const ours = ${JSON.stringify(ours)}
  const shared = Object.keys(ours).filter((n) => fs.readlinkSync('/proc/self/ns/' + n) === ours[n])
  fs.writeSync(1, 'pid ' + process.pid + ', shared ' + shared + '\\n')`
const namespaces = namespaceFlags(['pid', 'mount', 'ipc', 'uts'])
const argv = ['node', '-e', script]
const pid = spawn(native, { argv, env: [], namespaces, fds: [0, 1, 2] }, -1)
const ends = new Int32Array(2)

const poll = setInterval(() => {
  if (reapInto(native, ends) === 0) return
  clearInterval(poll)
  const { exitCode } = decodeWaitStatus(ends[1] ?? -1)
  console.log(`reaped ${ends[0] === pid}, exit code ${exitCode}`)
}, 10)
