// Unit tests stand beside their source; every directory of test/ is a project of its own, for a stage of
// its own: it may need the built file, root or QEMU, and runs one file at a time.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const NOT_SOURCES = ['node_modules/**', 'build/**', '.cache/**']

const areas = readdirSync(join(import.meta.dirname, 'test'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...NOT_SOURCES, 'test/**'],
          testTimeout: 10_000,
        },
      },
      ...areas.map((area) => ({
        test: {
          name: area,
          include: [`test/${area}/**/*.test.ts`],
          fileParallelism: false,
          // A guest in emulation on a busy machine: a test sets its own, shorter limits inside.
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      })),
    ],
  },
})
