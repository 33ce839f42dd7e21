// Builds images of the tests' app (test/apps/probe), so that each test has it as it needs it.
import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from '../qemu/command.ts'
import { runCloud } from './run-cloud.ts'

export interface ProbeOptions {
  /** The app's name, and its file's. */
  name: string
  port: number
  isolation?: 'namespaces' | 'chroot'
  management?: boolean
  /** NAME=value words. */
  env?: readonly string[]
  user?: string
  /** The image's ending; '.tar' is packed fastest. */
  ending?: string
}

const ROOT = join(import.meta.dirname, '..')
const BUILD = join(ROOT, 'build/test-apps')

async function compileProbe(): Promise<string> {
  const source = join(ROOT, 'test/apps/probe/probe.cc')
  const binary = join(BUILD, 'probe')
  const made = await stat(binary).catch(() => null)
  if (made !== null && made.mtimeMs > (await stat(source)).mtimeMs) return binary
  await mkdir(BUILD, { recursive: true })
  // Another stage may be at it too: the name has a whole program, or none.
  const partial = `${binary}.${process.pid}`
  await command('g++', ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Werror', '-o', partial, source])
  await rename(partial, binary)
  return binary
}

/** Path of a new image in `dir`. */
export async function probeImage(dir: string, options: ProbeOptions): Promise<string> {
  const { name, port, isolation, management = false, env = [], user, ending = '.tar' } = options
  const binary = await compileProbe()
  const staged = await mkdtemp(join(dir, `${name}-`))
  await mkdir(join(staged, 'bin'))
  await copyFile(binary, join(staged, 'bin/probe'))
  const config = {
    Entrypoint: ['/bin/probe'],
    Env: [`PORT=${port}`, ...env],
    ...(user === undefined ? {} : { User: user }),
  }
  const manifest = {
    ...{ name, architecture: 'amd64', management, config },
    ...(isolation ? { isolation } : {}),
  }
  await writeFile(join(staged, 'image.json'), JSON.stringify(manifest))
  const image = join(dir, `${name}${ending}`)
  const { code, stderr } = await runCloud(['image', 'build', staged, '-o', image])
  await rm(staged, { recursive: true })
  if (code !== 0) throw new Error(`cloud image build: ${stderr}`)
  return image
}
