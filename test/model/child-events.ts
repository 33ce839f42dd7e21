// What an app's process can do by itself.
import type { ModelMachine } from './machine.ts'
import type { ModelChild } from './model-child.ts'

type Act = (machine: ModelMachine, child: ModelChild, salt: number) => void

export function planDone(machine: ModelMachine, child: ModelChild): void {
  if (child.said !== 'nothing' || child.status !== null) return
  child.said = 'started'
  if (child.hasInit) machine.say(child, 3, 'R\n')
  else machine.closes(child, 3)
}

const ACTS: Readonly<Record<string, Act>> = {
  'plan-done': planDone,
  'plan-fails'(machine, child) {
    if (child.said !== 'nothing') return
    child.said = 'failed'
    machine.say(child, 3, 'E 0 2\n')
    machine.ends(child, 127 << 8)
  },
  exit(machine, child, salt) {
    if (child.stuck) return
    if (child.hasInit && child.said === 'started') machine.say(child, 3, `X ${salt & 0xff00}\n`)
    machine.ends(child, salt & 0xff00)
  },
  output: (machine, child) => machine.say(child, 1, 'a line\nand half of one'),
  // With an init, what is forked ends with it.
  fork(machine, child, salt) {
    if (!child.hasInit && child.said === 'started') machine.forks(child, salt % 3 === 0)
  },
  deaf: (_, child) => void (child.ignoresTerm = true),
  stuck: (_, child) => void (child.stuck = true),
}

export function processEvent(
  name: string,
  machine: ModelMachine,
  child: ModelChild,
  salt: number,
): void {
  const act = ACTS[name]
  if (act === undefined) throw new Error(`BUG: no event ${name}`)
  act(machine, child, salt)
}
