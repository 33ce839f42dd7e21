// mkdir -p for PID 1. Node's own `recursive` loops for ever where procfs answers ENOENT for a new name.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes the directory (with `mode`) and those above it (0755). Throws Node's fs errors. */
export function makeDirectory(path: string, mode = 0o755): void {
  for (const step of stepsTo(path)) makeOne(step, step === path ? mode : 0o755)
}

/** `/a/b/c` gives /a, /a/b, /a/b/c. */
function stepsTo(path: string): string[] {
  const steps: string[] = []
  for (let step = path; dirname(step) !== step; step = dirname(step)) steps.unshift(step)
  return steps
}

function makeOne(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
