// Images as people make them: GNU tar with xz, gzip and zstd, and the odd options that they know.
import { expect, test } from 'vitest'
import { errorOf, isRoot, MANIFEST, unpackFile, Workspace } from './role.ts'

/** Type, mode, owner, size, time, name, link target and number of links of everything in a tree. */
const LIST = "find . -printf '%P %y %m %U:%G %s %T@ %l %n\\n' | grep -v '^ ' | sort"

/** A tree with everything that is kept: `tree/` in the workspace. */
function makeTree(workspace: Workspace): void {
  workspace.shell(`
    mkdir -p tree/usr/bin tree/var/spool tree/dev && cd tree
    echo '${MANIFEST}' > image.json
    head -c 3000000 /dev/urandom > usr/bin/app && chmod 4755 usr/bin/app
    ln usr/bin/app usr/bin/twin
    ln -s /usr/bin/app bin ; ln -s ../../../.. up
    ln -s $(printf 'l%.0s' $(seq 300)) longlink
    mkfifo var/pipe && chmod 620 var/pipe
    chmod 1777 var/spool && chmod 2750 usr
    mkdir -p $(printf 'd%.0s' $(seq 200))/$(printf 'e%.0s' $(seq 200))
    echo x > $(printf 'd%.0s' $(seq 200))/$(printf 'e%.0s' $(seq 200))/"a name with ü and
a line feed"
    seq 100000 > text
    chown 1000:1001 text && chown -h 7:8 bin
    # Node sets times in steps of some 0.2 us, so that only round fractions can be compared.
    find . -exec touch -h -d '2020-02-02 02:02:02.25' {} +
    touch -d '1969-12-31 23:59:58.5' text
    touch -d '2001-02-03' usr var dev .`)
}

test.runIf(isRoot).each(['gnu', 'pax'])('the %s format keeps everything', async (format) => {
  using workspace = new Workspace()
  makeTree(workspace)
  workspace.shell(`tar -C tree --format=${format} -cf image.tar .`)
  const root = workspace.directory('root')
  const { status, events } = await unpackFile(workspace.at('image.tar'), root)
  expect(events.at(-1)).toMatchObject({ event: 'done', devicesSkipped: 0 })
  expect(status).toBe(0)
  // GNU's own format has whole seconds only.
  const list = format === 'pax' ? LIST : LIST.replace('%T@', '%Ts')
  expect(workspace.shell(`cd root; ${list}`)).toBe(workspace.shell(`cd tree; ${list}`))
  workspace.shell('diff -r --no-dereference --exclude=pipe tree root')
  expect(workspace.shell('stat -c "%a %Y" root')).toBe(workspace.shell('stat -c "%a %Y" tree'))
})

test.runIf(isRoot).each([
  ['xz', 'xz -6 < image.tar'],
  ['xz of many blocks', 'xz -1 --block-size=300KiB < image.tar'],
  ['xz of two members', 'head -c 2000000 image.tar | xz; tail -c +2000001 image.tar | xz -9'],
  ['gzip', 'gzip -9 < image.tar'],
  ['gzip of two members', 'head -c 2000000 image.tar | gzip; tail -c +2000001 image.tar | gzip'],
  ['zstd', 'zstd -19 < image.tar'],
  ['zstd of two frames', 'head -c 2000000 image.tar | zstd; tail -c +2000001 image.tar | zstd'],
])('%s: the same digest and tree as the tar itself', async (_name, command) => {
  using workspace = new Workspace()
  makeTree(workspace)
  workspace.shell(`tar -C tree --format=pax -cf image.tar . && (${command}) > packed`)
  const digest = workspace.shell('sha256sum image.tar').slice(0, 64)
  const packed = workspace.shell('sha256sum packed').slice(0, 64)
  const root = workspace.directory('root')
  const { events } = await unpackFile(workspace.at('packed'), root, [`sha256=${packed}`])
  expect(events.at(-1)).toMatchObject({ digest: `sha256:${digest}`, packedSha256: packed })
  expect(workspace.shell(`cd root; ${LIST}`)).toBe(workspace.shell(`cd tree; ${LIST}`))
})

test.runIf(isRoot)('ustar, and a file with capabilities', async () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir tree && cp /bin/true tree/a && echo '${MANIFEST}' > tree/image.json
    tar -C tree --format=ustar -cf ustar.tar image.json a
    setcap cap_net_bind_service+ep tree/a
    tar -C tree --xattrs --xattrs-include='*' -cf caps.tar image.json a`)
  for (const name of ['ustar', 'caps']) {
    const outcome = await unpackFile(workspace.at(`${name}.tar`), workspace.directory(name))
    expect(outcome.events.at(-1)).toMatchObject({ event: 'done', entries: 2 })
  }
  expect(workspace.shell('getcap caps/a')).toMatch(/cap_net_bind_service[+=]+ep/)
  expect(workspace.shell('getcap ustar/a')).toBe('')
})

test.runIf(isRoot)('devices are skipped', async () => {
  using workspace = new Workspace()
  workspace.shell(`mkdir -p tree/dev && echo '${MANIFEST}' > tree/image.json
    mknod tree/dev/null c 1 3 && mknod tree/dev/sda b 8 0 && tar -C tree -cf image.tar .`)
  const outcome = await unpackFile(workspace.at('image.tar'), workspace.directory('root'))
  expect(outcome.events.at(-1)).toMatchObject({ event: 'done', devicesSkipped: 2 })
  expect(workspace.shell('ls root/dev')).toBe('')
})

const ODD: [string, string, RegExp][] = [
  ['a sparse GNU member', 'truncate -s 10M tree/hole; tar -C tree -S -cf i .', /sparse member/],
  [
    'a sparse PAX member',
    'truncate -s 10M tree/hole; tar -C tree -S --format=pax -cf i .',
    /sparse member; pack the image without tar's --sparse/,
  ],
  ['the v7 format', 'tar -C tree --format=v7 -cf i .', /tar --format=pax/],
  ['a file twice', 'tar -C tree -cf i . ./image.json --hard-dereference', /comes twice/],
  ['a member above', 'tar -C tree -P -cf i . ../other', /leads out of the image/],
  ['an empty tar', 'tar -cf i -T /dev/null', /not an image/],
  ['a tar without a manifest', 'tar -C tree --exclude=image.json -cf i .', /^manifest-invalid/],
  ['a directory around it', 'tar -cf i tree', /^manifest-invalid: the image has no image.json at/],
  ['half a tar', 'tar -C tree -cf t . && head -c 2048 t > i', /^image-corrupt: the image is trunc/],
  ['half an xz', 'tar -C tree -cJf t . && head -c -20 t > i', /^image-corrupt: the image is trunc/],
  ['half a gzip', 'tar -C tree -czf t . && head -c -5 t > i', /^image-corrupt: the image is trunc/],
  ['half a zstd', 'tar -C tree -cf - . | zstd | head -c -3 > i', /^image-corrupt: the image is tr/],
  ['a zip', 'printf "PK\\3\\4%600s" x > i', /^image-corrupt: this is not an image/],
  ['bzip2', 'printf "BZh9%600s" x > i', /^image-corrupt: this is not an image/],
  [
    'too large a dictionary',
    'tar -C tree -cf - . | xz --lzma2=dict=640MiB > i',
    /^image-too-big: this image needs 805\.\d MB to decompress; the node allows 80\.0 MB/,
  ],
]
test.runIf(isRoot).each(ODD)('%s is refused', async (_name, script, message) => {
  using workspace = new Workspace()
  workspace.shell(`mkdir tree && echo '${MANIFEST}' > tree/image.json && echo x > other; ${script}`)
  const outcome = await unpackFile(workspace.at('i'), workspace.directory('root'))
  expect(errorOf(outcome)).toMatch(message)
  expect(outcome.status).toBe(1)
})
