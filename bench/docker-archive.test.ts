import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeDockerArchive } from './docker-archive.ts'

let dir = ''
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'docker-archive-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const tar = (...words: string[]) => execFileSync('tar', words, { cwd: dir })
const read = (member: string) => tar('-xOf', 'docker.tar', member)
const archive = async () =>
  writeDockerArchive(join(dir, 'app.tar'), 'localhost/app:bench', join(dir, 'docker.tar'))

test('the layer is the image byte for byte, and the configuration is its own', async () => {
  const config = { Entrypoint: ['/bin/app'], Env: ['PORT=1'] }
  writeFileSync(join(dir, 'image.json'), JSON.stringify({ architecture: 'amd64', config }))
  writeFileSync(join(dir, 'app'), 'x'.repeat(100_000))
  tar('-cf', 'app.tar', 'app', 'image.json')
  await archive()
  const layer = readFileSync(join(dir, 'app.tar'))
  expect(read('layer.tar').equals(layer)).toBe(true)
  const digest = createHash('sha256').update(layer).digest('hex')
  expect(JSON.parse(read('config.json').toString())).toEqual({
    architecture: 'amd64',
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  })
  expect(JSON.parse(read('manifest.json').toString())).toEqual([
    { Config: 'config.json', RepoTags: ['localhost/app:bench'], Layers: ['layer.tar'] },
  ])
})

test('a tar that is no image is refused', async () => {
  writeFileSync(join(dir, 'app'), 'x')
  tar('-cf', 'app.tar', 'app')
  await expect(archive()).rejects.toThrow('no image.json')
})
