// A `Native` for unit tests: what a test does not expect throws, so nothing happens by accident.
import { inspect } from 'node:util'
import type { Native } from './native.ts'

/** The given calls; any other throws with its name and arguments. */
export function fakeNative(calls: Partial<Native>): Native {
  return new Proxy(calls, {
    get(target, name): unknown {
      if (name in target) return Reflect.get(target, name)
      return (...args: unknown[]): never => {
        throw new Error(`unexpected call: ${String(name)}(${args.map(show).join(', ')})`)
      }
    },
  }) as Native
}

function show(argument: unknown): string {
  return typeof argument === 'function' ? 'function' : inspect(argument)
}
