// Programs of this machine, built into images that hold nothing else, run in a chroot.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { build } from '../../image-builder/build.ts'
import { FILE, isRoot, unpackFile, Workspace } from './role.ts'

const architecture = process.arch === 'x64' ? 'amd64' : process.arch
const image = (config: object): string => JSON.stringify({ architecture, config })

/** Builds `tree/` of the workspace, unpacks it, and runs `command` in it. */
async function runIn(workspace: Workspace, command: string): Promise<string> {
  await build(workspace.at('tree'), workspace.at('image.tar'))
  const outcome = await unpackFile(workspace.at('image.tar'), workspace.directory('root'))
  expect(outcome.events.at(-1)).toMatchObject({ event: 'done' })
  return workspace.shell(`env -i /usr/sbin/chroot root ${command}`)
}

test.runIf(isRoot)('a C++ program with a library of its own', async () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir -p tree/app/lib
    echo 'int own() { return 42; }' > own.cc && g++ -shared -fPIC own.cc -o tree/app/lib/libown.so
    printf '#include <iostream>\\nint own();\\nint main() { std::cout << "own " << own() << std::endl; }' > a.cc
    g++ a.cc -Ltree/app/lib -lown -Wl,-rpath,/app/lib -o tree/app/main
    echo '${image({ Entrypoint: ['/app/main'] })}' > tree/image.json`)
  expect(await runIn(workspace, '/app/main')).toBe('own 42\n')
})

test.runIf(isRoot)('a static program needs nothing', async () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir tree && echo '#include <stdio.h>
    int main() { puts("static"); }' > a.c && gcc -static a.c -o tree/a
    echo '${image({ Cmd: ['/a'] })}' > tree/image.json`)
  expect(await runIn(workspace, '/a')).toBe('static\n')
  expect(workspace.shell('find root -type f | sort')).toBe('root/a\nroot/image.json\n')
})

test.runIf(isRoot && existsSync(FILE))(
  'a Node.js script, with Node.js out of our own file',
  async () => {
    using workspace = new Workspace()
    workspace.shell(`mkdir tree && echo 'console.log("node", 6 * 7, process.argv.length)' > tree/a.js
    echo '${image({ Entrypoint: ['node', '/a.js'] })}' > tree/image.json`)
    expect(await runIn(workspace, '/usr/bin/node /a.js one')).toBe('node 42 3\n')
  },
)
