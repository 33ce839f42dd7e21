// One function per system call (sys/native.ts has the contract). No policy beyond guard.h, no
// state. Returns the result or -errno, as the kernel does; only a wrong argument type throws.
#include <fcntl.h>
#include <linux/kexec.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <v8-callbacks.h>
#include <v8-isolate.h>

#include <cerrno>
#include <csignal>

#include "arguments.h"
#include "fault.h"
#include "guard.h"
#include "life-log.h"
#include "life-record.h"
#include "signal-pipe.h"
#include "spawn-child.h"
#include "watch.h"
#include "watchdog.h"

using std::string;

static int64_t OrErrno(int64_t result) { return result == -1 ? -errno : result; }

static int64_t OwnsMachineCall() { return OwnsMachine() ? 1 : 0; }

static int64_t Mount(const string& source, const string& target, const string& fstype,
                     int64_t flags, const string& data) {
  // devtmpfs is one for the whole machine: what a container changes in it, the machine sees.
  if (fstype == "devtmpfs" && !OwnsMachine()) return -EPERM;
  // Without MS_BIND a remount changes the file system itself: the disk that a container's root lies
  // on, or the machine's one cgroup2, would be read-only for everyone.
  if ((flags & (MS_REMOUNT | MS_BIND)) == MS_REMOUNT && !OwnsMachine()) return -EPERM;
  return OrErrno(mount(source.c_str(), target.c_str(), fstype.c_str(),
                       static_cast<unsigned long>(flags), data.c_str()));
}

static int64_t Umount2(const string& target, int32_t flags) {
  return OrErrno(umount2(target.c_str(), flags));
}

static int64_t Mknod(const string& path, int32_t mode, int32_t major, int32_t minor) {
  return OrErrno(mknod(path.c_str(), mode, makedev(major, minor)));
}

static int64_t SetHostname(const string& name) {
  return OrErrno(sethostname(name.data(), name.size()));
}

static int64_t Sync() {
  sync();
  return 0;
}

static int64_t SyncFs(int32_t fd) { return OrErrno(syncfs(fd)); }

static int64_t SetRlimit(int32_t resource, int64_t soft, int64_t hard) {
  // -1 becomes RLIM_INFINITY.
  const rlimit limit = {static_cast<rlim_t>(soft), static_cast<rlim_t>(hard)};
  return OrErrno(setrlimit(static_cast<__rlimit_resource>(resource), &limit));
}

static int64_t LsetXattr(const string& path, const string& name, Bytes value) {
  return OrErrno(lsetxattr(path.c_str(), name.c_str(), value.data, value.size, 0));
}

static int64_t FlistXattr(int32_t fd, Bytes names) {
  return OrErrno(flistxattr(fd, reinterpret_cast<char*>(names.data), names.size));
}

static int64_t FgetXattr(int32_t fd, const string& name, Bytes value) {
  return OrErrno(fgetxattr(fd, name.c_str(), value.data, value.size));
}

static int64_t Reboot(int64_t command) {
  if (!OwnsMachine()) return -EPERM;
  constexpr unsigned kMagic1 = 0xfee1dead, kMagic2 = 672274793;
  return OrErrno(syscall(SYS_reboot, kMagic1, kMagic2, static_cast<unsigned>(command), nullptr));
}

static int64_t FinitModule(int32_t fd, const string& parameters, int32_t flags) {
  if (!OwnsMachine()) return -EPERM;
  return OrErrno(syscall(SYS_finit_module, fd, parameters.c_str(), flags));
}

static int64_t SwapOn(const string& path, int32_t flags) {
  if (!OwnsMachine()) return -EPERM;
  return OrErrno(swapon(path.c_str(), flags));
}

static int64_t SwapOff(const string& path) {
  if (!OwnsMachine()) return -EPERM;
  return OrErrno(swapoff(path.c_str()));
}

static int64_t KexecFileLoad(int32_t kernel_fd, int32_t initrd_fd, const string& command_line,
                             int32_t flags) {
  if (!InstallsMachine() || !StartsNode(command_line)) return -EPERM;
  // Neither what unloads nor what a panic would start.
  if ((flags & ~KEXEC_FILE_NO_INITRAMFS) != 0) return -EINVAL;
  // Its length counts the NUL.
  return OrErrno(syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, command_line.size() + 1,
                         command_line.c_str(), static_cast<unsigned long>(flags)));
}

static int64_t KexecUnload() {
  if (!InstallsMachine()) return -EPERM;
  return OrErrno(syscall(SYS_kexec_file_load, -1, -1, 0, nullptr, KEXEC_FILE_UNLOAD));
}

static int64_t Reap(Words result) {
  size_t count = 0;
  for (; 2 * count + 1 < result.size; ++count) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && count == 0) return -errno;
    if (pid <= 0) break;
    if (Life() != nullptr) life_note_end(Life(), pid, status);
    result.data[2 * count] = pid;
    result.data[2 * count + 1] = status;
  }
  return static_cast<int64_t>(count);
}

static int64_t Kill(int32_t pid, int32_t signal) {
  // "Everyone" means a namespace's processes to its pid 1, and the whole machine to anyone else.
  if (pid == -1 && getpid() != 1) return -EPERM;
  return OrErrno(kill(pid, signal));
}

static int64_t Pipe2(Words fds, int32_t flags) {
  if (fds.size < 2) return -EINVAL;
  return OrErrno(pipe2(fds.data, O_CLOEXEC | flags));
}

static int64_t SocketPair(Words fds) {
  if (fds.size < 2) return -EINVAL;
  return OrErrno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data));
}

static int64_t MemfdCreate(const string& name) {
  constexpr unsigned kCloseOnExec = 1;  // MFD_CLOEXEC
  return OrErrno(syscall(SYS_memfd_create, name.c_str(), kCloseOnExec));
}

static int64_t Fcntl(int32_t fd, int32_t command, int64_t argument) {
  return OrErrno(fcntl(fd, command, static_cast<long>(argument)));
}

static int64_t Socket(int32_t domain, int32_t type, int32_t protocol) {
  return OrErrno(socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

static int64_t Bind(int32_t fd, Bytes address) {
  return OrErrno(bind(fd, reinterpret_cast<sockaddr*>(address.data), address.size));
}

static int64_t SendTo(int32_t fd, Bytes bytes, int32_t flags, Bytes address) {
  // No address at all for a connected socket; no SIGPIPE whatever the caller forgot.
  const auto to = address.size == 0 ? nullptr : reinterpret_cast<sockaddr*>(address.data);
  return OrErrno(sendto(fd, bytes.data, bytes.size, flags | MSG_NOSIGNAL, to, address.size));
}

static int64_t Recv(int32_t fd, Bytes bytes, int32_t flags) {
  return OrErrno(recv(fd, bytes.data, bytes.size, flags));
}

static int64_t Read(int32_t fd, Bytes bytes) { return OrErrno(read(fd, bytes.data, bytes.size)); }

static int64_t SetSockOpt(int32_t fd, int32_t level, int32_t name, Bytes value) {
  return OrErrno(setsockopt(fd, level, name, value.data, value.size));
}

static int64_t Ioctl(int32_t fd, int64_t request, Bytes argument) {
  return OrErrno(ioctl(fd, static_cast<unsigned long>(request), argument.data));
}

static napi_value RoleCall(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, Role(), NAPI_AUTO_LENGTH, &result);
  return result;
}

/** V8 would print and abort. This says in the report what an abort hides. */
static void OnHeapExhausted(const char* location, const v8::OOMDetails& details) {
  Face()->die("JavaScript heap exhausted", details.detail != nullptr ? details.detail : location);
}

struct Export {
  const char* name;
  napi_callback callback;
};

static constexpr Export kExports[] = {
    {"role", RoleCall},
    {"ownsMachine", Callback<OwnsMachineCall>::value},
    {"mount", Callback<Mount>::value},
    {"umount2", Callback<Umount2>::value},
    {"mknod", Callback<Mknod>::value},
    {"sethostname", Callback<SetHostname>::value},
    {"sync", Callback<Sync>::value},
    {"syncfs", Callback<SyncFs>::value},
    {"setrlimit", Callback<SetRlimit>::value},
    {"lsetxattr", Callback<LsetXattr>::value},
    {"flistxattr", Callback<FlistXattr>::value},
    {"fgetxattr", Callback<FgetXattr>::value},
    {"reboot", Callback<Reboot>::value},
    {"finitModule", Callback<FinitModule>::value},
    {"swapon", Callback<SwapOn>::value},
    {"swapoff", Callback<SwapOff>::value},
    {"kexecFileLoad", Callback<KexecFileLoad>::value},
    {"kexecUnload", Callback<KexecUnload>::value},
    {"spawn", Callback<SpawnChild>::value},
    {"reap", Callback<Reap>::value},
    {"kill", Callback<Kill>::value},
    {"pipe2", Callback<Pipe2>::value},
    {"socketpair", Callback<SocketPair>::value},
    {"memfdCreate", Callback<MemfdCreate>::value},
    {"fcntl", Callback<Fcntl>::value},
    {"socket", Callback<Socket>::value},
    {"bind", Callback<Bind>::value},
    {"sendto", Callback<SendTo>::value},
    {"recv", Callback<Recv>::value},
    {"read", Callback<Read>::value},
    {"setsockopt", Callback<SetSockOpt>::value},
    {"ioctl", Callback<Ioctl>::value},
    {"watch", Watch},
    {"unwatch", Unwatch},
    {"signalPipe", Callback<SignalPipe>::value},
    {"lifeNumber", Callback<LifeNumber>::value},
    {"setLifeNumber", Callback<SetLifeNumber>::value},
    {"lifeText", Callback<LifeText>::value},
    {"lifeChild", Callback<LifeChild>::value},
    {"lifeForget", Callback<LifeForget>::value},
    {"lifeNote", Callback<LifeNote>::value},
    {"setLifeNote", Callback<SetLifeNote>::value},
    {"lifeKeep", Callback<LifeKeep>::value},
    {"lifeKept", Callback<LifeKept>::value},
    {"lifeDeath", Callback<LifeDeath>::value},
    {"lifeDeathStored", Callback<LifeDeathStored>::value},
    {"logTake", Callback<LogTake>::value},
    {"logBatch", Callback<LogBatch>::value},
    {"logCommit", Callback<LogCommit>::value},
    {"logPending", Callback<LogPending>::value},
    {"logRest", Callback<LogRest>::value},
    {"die", Callback<Die>::value},
    {"become", Callback<Become>::value},
    {"leave", Callback<Leave>::value},
    {"watchdog", WatchdogStart},
    {"finishWithin", Callback<FinishWithin>::value},
    {"openWatchdog", Callback<OpenWatchdog>::value},
    {"fault", Callback<Fault>::value},
};

NAPI_MODULE_INIT() {
  if (!PrepareWatches(env)) return nullptr;
  if (Life() != nullptr) v8::Isolate::GetCurrent()->SetOOMErrorHandler(OnHeapExhausted);
  for (const Export& item : kExports) {
    napi_value function = nullptr;
    if (napi_create_function(env, item.name, NAPI_AUTO_LENGTH, item.callback, nullptr, &function) !=
            napi_ok ||
        napi_set_named_property(env, exports, item.name, function) != napi_ok) {
      return nullptr;
    }
  }
  return exports;
}
