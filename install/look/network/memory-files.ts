// For tests: files that are nowhere but here.
import type { ConfigFiles } from './configured.ts'

export function memoryFiles(contents: Readonly<Record<string, string>>): ConfigFiles {
  return {
    read: (path) => contents[path] ?? null,
    list: (directory) => {
      const inside = Object.keys(contents).filter((path) => path.startsWith(`${directory}/`))
      return [
        ...new Set(inside.map((path) => path.slice(directory.length + 1).replace(/\/.*/, ''))),
      ]
    },
  }
}
