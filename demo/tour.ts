// What `make run` and `make boot` show on a node: the three examples pushed, their answers, what to try next.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Example {
  name: string
  /** The image's file, in build/images. */
  image: string
  /** Where it listens on the node, as its image.json says. */
  port: number
  answer: RegExp
}

export const EXAMPLES: readonly Example[] = [
  {
    name: 'cpp-hello',
    image: 'cpp-hello.txz',
    port: 8001,
    answer: /^Hello from C\+\+, request \d+\n$/,
  },
  {
    name: 'node-greeter',
    image: 'node-greeter.tzst',
    port: 8002,
    answer: /^Hello world from Node\.js v24\S+, request \d+\n$/,
  },
  {
    name: 'node-frontend',
    image: 'node-frontend.tzst',
    port: 8003,
    answer: /^The C\+\+ app says: Hello from C\+\+/,
  },
]

/** A node as the tour needs it: started somewhere, and reachable. */
export interface Stop {
  /** The node's address for `cloud`. */
  manage: string
  /** The body of a GET to an app's port; rejects unless the answer is a 200. */
  get(port: number): Promise<string>
  /** A shell command that does the same, for the user. */
  hint(port: number): string
}

export const ROOT = join(import.meta.dirname, '..')
export const INIT = join(ROOT, 'build/init')
const CLOUD = join(ROOT, 'build/cloud')
export const imagePath = (image: string): string => join(ROOT, 'build/images', image)
const ANSWER_MS_MAX = 30_000
const ANSWER_POLL_MS = 200

/** Fails, with a sentence, when an example can't be pushed or does not answer as it should. */
export async function tour(stop: Stop, ending: AbortSignal): Promise<void> {
  for (const { image } of EXAMPLES) {
    say(`\n$ build/cloud start ${stop.manage} build/images/${image}`)
    await cloud(['start', stop.manage, imagePath(image)], ending)
  }
  say('')
  for (const example of EXAMPLES) {
    say(`$ ${stop.hint(example.port)}`)
    process.stdout.write(await answer(stop, example, ending))
  }
  say(`\n$ build/cloud ps ${stop.manage}`)
  await cloud(['ps', stop.manage], ending)
}

/** What to type in another terminal. */
export function sayWhatNext(stop: Stop, hints: readonly string[] = []): void {
  const cloud = relative(process.cwd(), CLOUD)
  say('\nThe node stays until Ctrl-C. In another terminal, try:')
  for (const hint of [
    `export CLOUD_NODE=${stop.manage}`,
    `${cloud} node`,
    `${cloud} ps`,
    `${cloud} logs -f node-frontend`,
    `${cloud} restart cpp-hello`,
    `${cloud} start build/images/node-greeter.tzst    # a redeploy`,
    `${cloud} rollback node-greeter`,
    `${cloud} stop cpp-hello`,
    ...EXAMPLES.map(({ port }) => stop.hint(port)),
    ...hints,
  ]) {
    say(`  ${hint}`)
  }
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Throws a sentence when `make build` has not made what the tour needs. */
export function checkBuilt(): void {
  const files = [CLOUD, INIT, ...EXAMPLES.map(({ image }) => imagePath(image))]
  const missing = files.filter((file) => !existsSync(file))
  if (missing.length > 0) throw new Error(`not built yet, run 'make build': ${missing.join(' ')}`)
}

async function cloud(args: readonly string[], ending: AbortSignal): Promise<void> {
  const child = spawn(CLOUD, args, { stdio: ['ignore', 'inherit', 'inherit'], signal: ending })
  const outcome = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? '' : String(signal ?? code)))
  })
  ending.throwIfAborted()
  if (outcome !== '') throw new Error(`build/cloud ${args.join(' ')}: ended with ${outcome}`)
}

/** An app is `running` before it listens: asks until the answer is right. */
async function answer(stop: Stop, { name, port, answer }: Example, ending: AbortSignal) {
  const start = performance.now()
  for (;;) {
    const text = await stop.get(port).catch((error: unknown) => String(error))
    if (answer.test(text)) return text
    if (performance.now() - start > ANSWER_MS_MAX) {
      throw new Error(`${name} does not answer as it should on port ${port}: ${text}`)
    }
    await sleep(ANSWER_POLL_MS, undefined, { signal: ending })
  }
}
