// PID 1 of the namespaces that boot.test.ts makes: boots twice, lets an app try to end it, and goes down
// when told from outside. It says what happens, one line each. Without the loader there is no life record.
import { spawn } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { boot, makeNodeDirectories } from '../../init/boot.ts'
import { createBootLog } from '../../init/console.ts'
import { handlePower } from '../../init/power.ts'
import { shutDown } from '../../init/shut-down.ts'
import { systemClock } from '../../init/supervisor/clock.ts'
import { memoryLife } from '../../sys/fake-life.ts'
import { loadNative } from '../../sys/load.ts'

if (process.pid !== 1) throw new Error('this must be PID 1 of namespaces of its own')

const native = loadNative()
const say = (what: object | string): void => console.log(JSON.stringify(what))
const log = createBootLog({ write: (text) => say(text.trim()) })

const first = boot(native, log)
makeNodeDirectories(log)
log.open('/run/solocloud/boot.log')
const second = boot(native, log)

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8)
say({
  first,
  second: { ...second, degraded: second.degraded.length },
  devices: readdirSync('/dev').toSorted(),
  nullMode: mode('/dev/null'),
  nullIsDevice: lstatSync('/dev/null').isCharacterDevice(),
  modes: ['/chroots', '/run/solocloud', '/tmp', '/dev/shm'].map(mode),
  oom: readFileSync('/proc/self/oom_score_adj', 'utf8').trim(),
  files: /Max open files +(\d+) +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.slice(1),
  root: readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => / \/ /.test(line)),
})
writeFileSync('/dev/null', 'gone')

handlePower({
  native,
  log,
  goDown(how, reason) {
    say(`${how} by ${reason}`)
    void shutDown({
      native: { ...native, finishWithin: () => 0, leave: (status) => process.exit(status) },
      life: memoryLife(),
      log,
      how,
      timers: systemClock,
      stopRequests: () => Promise.resolve(),
      stopApps: () => Promise.resolve(),
      closeFiles: () => undefined,
      mounted: first.mounted,
    })
  },
})
// An orphan that only the last kill reaches, and an app in its own root that tries to end us.
spawn('/usr/bin/busybox', ['sleep', '1000'], { stdio: 'ignore' }).unref()
const attack = ['/app', '/bin/busybox', 'sh', '-c', 'kill -TERM 1; /bin/busybox sleep 0.3']
spawn('/usr/sbin/chroot', attack, { stdio: 'inherit' }).on('exit', () => say('ready'))
