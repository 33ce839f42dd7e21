// Runs programs of the old system, with a time limit and nothing of our own environment.
import { spawnSync } from 'node:child_process'
import type { Run } from './ssh-app-plan.ts'

const RUN_MS_MAX = 20_000
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }

export const runProgram: Run = (file, words, input = '') => {
  const { status, stdout, stderr, error } = spawnSync(file, words, {
    ...{ input, encoding: 'utf8', env: ENVIRONMENT, cwd: '/' },
    ...{ timeout: RUN_MS_MAX, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX },
  })
  const why = error === undefined ? '' : `${file}: ${error.message}`
  // Without a child there is neither, whatever the types say.
  const text = (output: string | null): string => output ?? ''
  return { status, stdout: text(stdout), stderr: text(stderr) + why }
}
