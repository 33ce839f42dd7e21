// The first JavaScript of build/solocloud: takes what the loader left in the environment and runs the
// role that it chose.
import process from 'node:process'
import { isSea } from 'node:sea'
import { loadNative } from '../sys/load.ts'
import type { Role } from '../sys/native.ts'
import { takeLzmaPath } from './lzma-binding.ts'

/** `words`: what follows the program's name and the role. */
async function runRole(role: Role, words: readonly string[]): Promise<void> {
  switch (role) {
    case 'init': {
      const { main } = await import('../init/main.ts')
      // Its failure is nobody's to handle here: unhandled, it ends this life of PID 1.
      void main()
      return
    }
    case 'cloud': {
      const { main } = await (words[0] === 'self-check'
        ? import('./self-check.ts')
        : import('../cloud/main.ts'))
      await main(words)
      return
    }
    case 'unpack':
      return (await import('../chroot-runner/unpack/main.ts')).main()
    case 'halt':
    case 'reboot':
    case 'poweroff':
      return (await import('../init/power-command.ts')).main(role, words)
    case 'install':
      return (await import('../install/main.ts')).main(words)
    case '':
      throw new Error(`this version has nothing to run in the role ${JSON.stringify(role)}`)
  }
}

async function start(): Promise<void> {
  if (!isSea()) throw new Error('BUG: the bundle runs in a plain Node')
  const native = loadNative()
  delete process.env['SOLOCLOUD_ADDON']
  takeLzmaPath()
  // Node repeats argv[0] where the path of a script would be.
  await runRole(native.role(), process.argv.slice(2))
}

start().catch((error: unknown) => {
  process.stderr.write(
    `solocloud: ${error instanceof Error ? (error.stack ?? '') : String(error)}\n`,
  )
  process.exitCode = 70
})
