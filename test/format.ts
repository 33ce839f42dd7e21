// The stage `format`: prettier and clang-format would change nothing (`make format` makes it so).
import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const CLANG_FORMAT = 'node_modules/clang-format/bin/linux_x64/clang-format'

const cFiles = globSync('{native,qemu,examples,test}/**/*.{c,cc,h}', { cwd: ROOT })
const programs = [
  [process.execPath, 'node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
  [CLANG_FORMAT, '--dry-run', '-Werror', ...cFiles],
]
for (const [file = '', ...args] of programs) {
  try {
    execFileSync(file, args, { cwd: ROOT, stdio: 'inherit' })
  } catch {
    process.exitCode = 1
  }
}
