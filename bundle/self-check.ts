// `cloud self-check`: proves that this file works on this machine before anything depends on it. One
// JSON line a check; the first that fails ends it with status 1.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import process from 'node:process'
import { isSea } from 'node:sea'
import { text } from 'node:stream/consumers'
import { DatabaseSync } from 'node:sqlite'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { destination, pino } from 'pino'
import { STATE_SCHEMA } from '../init/state/schema.ts'
import { VERSION } from '../protocol/version.ts'
import { LIFE_LAYOUT } from '../sys/life.ts'
import { loadNative } from '../sys/load.ts'
import { partNames, readPart } from './payload.ts'
import { xzDecode, xzEncode } from '../chroot-runner/unpack/xz-coder.ts'

const SAMPLE = Buffer.from('solocloud '.repeat(1000))
const XZ_MEMORY_MAX = 64 * 1024 * 1024

function expectSample(bytes: Buffer): void {
  if (!bytes.equals(SAMPLE)) throw new Error('what came back is not what went in')
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

async function* single(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes)
}

async function checkXz(): Promise<object> {
  const packed = await collect(xzEncode(single(SAMPLE), 1))
  expectSample(await collect(xzDecode(single(packed), XZ_MEMORY_MAX)))
  return { packedBytes: packed.length }
}

function checkSqlite(): object {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (41)')
  const row = database.prepare('SELECT x + 1 AS x, sqlite_version() AS version FROM t').get()
  database.close()
  if (row?.['x'] !== 42) throw new Error('41 + 1 is not 42')
  return { version: row['version'] }
}

/** Over an abstract Unix socket: it needs no network and leaves no file. */
async function checkHttp(): Promise<object> {
  const socketPath = `\0solocloud-self-check-${process.pid}`
  const server = createServer((_request, response) => response.end(SAMPLE))
  server.listen(socketPath)
  await once(server, 'listening')
  try {
    const body = await new Promise<string>((resolve, reject) => {
      get({ socketPath, agent: false }, (response) => {
        text(response).then(resolve, reject)
      }).once('error', reject)
    })
    expectSample(Buffer.from(body))
    return { bytes: body.length }
  } finally {
    server.close()
  }
}

function checkParts(): object {
  const head = Buffer.alloc(4)
  readPart('node').readAt(head, 0)
  if (head.toString('latin1') !== '\x7fELF') throw new Error('Node is not where the table says')
  return { names: partNames() }
}

const O_CLOEXEC = 0o2000000

/** Nothing that the loader needed may reach a child: its variables are gone, its descriptors close at exec. */
function checkClean(): object {
  const variables = Object.keys(process.env).filter((name) =>
    /^(LD_|NODE_|UV_|MALLOC_|SOLOCLOUD_)/.test(name),
  )
  const open = readdirSync('/proc/self/fd').filter((fd) => Number(fd) > 2)
  const inheritable = open.filter((fd) => {
    try {
      const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
      return (parseInt(flags ?? '', 8) & O_CLOEXEC) === 0
    } catch {
      return false // the listing's own, closed by now
    }
  })
  const left = [...variables, ...inheritable]
  if (left.length > 0) throw new Error(`left for children: ${left.join(' ')}`)
  return { descriptors: open.length }
}

function checkCrypto(): object {
  // Random bytes come from getrandom(2) or what native/compat.c puts in its place.
  if (randomBytes(16).equals(randomBytes(16))) throw new Error('random bytes repeat')
  return { sha256: createHash('sha256').update(SAMPLE).digest('hex') }
}

const CHECKS: Record<string, () => object | Promise<object>> = {
  file: () => ({ version: VERSION, sea: isSea(), node: process.version }),
  // What a node asks before it goes on in this file (init/upgrade/compatibility.ts).
  upgrade: () => ({ lifeLayout: LIFE_LAYOUT, state: STATE_SCHEMA }),
  addon: () => ({ role: loadNative().role() }),
  clean: checkClean,
  crypto: checkCrypto,
  sqlite: checkSqlite,
  zstd: () => {
    expectSample(zstdDecompressSync(zstdCompressSync(SAMPLE)))
    return {}
  },
  xz: checkXz,
  http: checkHttp,
  parts: checkParts,
}

export async function main(): Promise<void> {
  const log = pino({ base: null, timestamp: false }, destination({ dest: 1, sync: true }))
  for (const [check, run] of Object.entries(CHECKS)) {
    try {
      log.info({ check, ...(await run()) })
    } catch (error) {
      log.error({ check, err: error })
      process.exitCode = 1
      return
    }
  }
}
