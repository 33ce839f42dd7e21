// The frame of `make run` and `make boot`: start, tour, stay until Ctrl-C (or end, with CI=true), stop.
import { ended, endOfLife } from './lifetime.ts'
import { checkBuilt, say, sayWhatNext, type Stop, tour } from './tour.ts'

export interface Shown extends Stop {
  /** Resolves with the time in ms when the node answers on its management address. */
  waitForManagement(): Promise<number>
  /** Powers the node off and waits; rejects when it does not end well. */
  powerOff(): Promise<void>
  /** Ends the node at once, in any state. */
  kill(): Promise<unknown>
  /** Resolves when the node has ended. */
  gone: Promise<unknown>
  hints: readonly string[]
}

/**
 * Runs the show and sets the process's exit code. `start` gets a function that takes the console's text:
 * it is shown until the node answers. `clean` is called last, whatever happened.
 */
export async function show(
  start: (onConsole: (text: string) => void) => Promise<Shown>,
  clean: () => Promise<void>,
): Promise<void> {
  const ending = endOfLife()
  let booting = true
  try {
    checkBuilt()
    const node = await start((text) => booting && process.stdout.write(text))
    const play = async () => {
      const ms = await node.waitForManagement()
      booting = false
      say(`\nThe node answers after ${(ms / 1000).toFixed(1)} s.`)
      await tour(node, ending)
      if (process.env['CI'] === 'true') return
      sayWhatNext(node, node.hints)
      await node.gone
    }
    try {
      await Promise.race([play(), ended(ending)])
      say('\nPowering the node off.')
      await node.powerOff()
    } finally {
      await node.kill()
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  } finally {
    await clean()
  }
  // A play that Ctrl-C interrupted may still be waiting for something.
  process.exit()
}
