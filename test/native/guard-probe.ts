// Run by guard.test.ts: asks for every machine-wide act, in forms the kernel would refuse even if the
// guard were broken (an unknown reboot command, no descriptor, a missing mount point).
import { loadNative } from '../../sys/load.ts'

const native = loadNative()
if (native.ownsMachine() !== 0) {
  console.log('this process owns the machine: nothing was tried')
  process.exit(70)
}
console.log(
  JSON.stringify({
    pid: process.pid,
    role: native.role(),
    reboot: native.reboot(0x0badc0de),
    finitModule: native.finitModule(-1, '', 0),
    swapon: native.swapon('/nonexistent/solocloud', 0),
    swapoff: native.swapoff('/nonexistent/solocloud'),
    kexecUnload: native.kexecUnload(),
    kexec: native.kexecFileLoad(-1, -1, 'init=/sbin/solocloud', 0),
    devtmpfs: native.mount('devtmpfs', '/nonexistent/solocloud', 'devtmpfs', 0, ''),
    // Of a whole file system (MS_REMOUNT), which is the host's too; of one mount (with MS_BIND) is ours.
    remount: native.mount('', '/nonexistent/solocloud', '', 0x20, ''),
    remountBind: native.mount('', '/nonexistent/solocloud', '', 0x1020, ''),
    tmpfs: native.mount('tmpfs', '/nonexistent/solocloud', 'tmpfs', 0, ''),
  }),
)
