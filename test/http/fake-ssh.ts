// Stands in for ssh: checks its words as ssh would, and forwards a Unix socket to another one of this machine.
// FAKE_SSH: `forward PATH`, `nobody` (the far end refuses), `refuse` (no login), `ask` (waits for a line first).
import { appendFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { parseArgs } from 'node:util'

const { FAKE_SSH = '', FAKE_SSH_LOG = '' } = process.env
const [mode, target = ''] = FAKE_SSH.split(' ')
const words = process.argv.slice(2)
const { values, positionals } = parseArgs({
  args: words,
  allowPositionals: true,
  options: {
    config: { type: 'boolean', short: 'G' },
    'no-command': { type: 'boolean', short: 'N' },
    option: { type: 'string', short: 'o', multiple: true },
    port: { type: 'string', short: 'p' },
    local: { type: 'string', short: 'L' },
  },
})
appendFileSync(FAKE_SSH_LOG, `${process.pid} ${words.join(' ')}\n`)
if (positionals.length !== 1) throw new Error(`one host, not ${positionals.join(' ')}`)
if (values.config === true) {
  process.stdout.write(
    `host ${positionals[0] ?? ''}\nconnecttimeout ${target === '' ? '7' : 'none'}\n`,
  )
  process.exit()
}
process.stdout.write('Welcome to a banner that is not data.\n')
if (mode === 'refuse') {
  process.stderr.write('root@vps: Permission denied (publickey).\n')
  process.exit(255)
}
if (mode === 'ask') {
  process.stderr.write('Passphrase: ')
  await once(process.stdin, 'data')
  process.stdin.pause()
}
const [here = '', there] = (values.local ?? '').split(':')
if (there !== '/run/solocloud/manage.sock') throw new Error(`it forwards to ${there ?? 'nothing'}`)
createServer({ allowHalfOpen: true }, (near) => {
  near.on('error', () => undefined)
  if (mode === 'nobody') {
    process.stderr.write('channel 2: open failed: connect failed: No such file or directory\n')
    near.destroy()
    return
  }
  const far = connect(target)
  far.on('error', () => near.destroy())
  near.on('close', () => far.destroy())
  near.pipe(far).pipe(near)
}).listen(here)
