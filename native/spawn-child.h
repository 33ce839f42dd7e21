// Starts this very file in another role. The child shares PID 1's memory until the exec, so it runs
// on a stack of its own, with no signal handler able to run, and writes nothing but `Call::error`.
#pragma once
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "life-record.h"

namespace spawn_child {

constexpr size_t kStackBytes = 64 * 1024;
constexpr int kDescriptorsMax = 64;
constexpr int64_t kNamespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
/** The kernel's own mask of 64 signals; glibc's hides two of them. */
using KernelMask = uint64_t;

/** The kernel's struct sigaction of x86-64 and arm64, where all zero means SIG_DFL. */
struct KernelAction {
  uint64_t words[4];
};

struct Call {
  char* const* argv;
  char* const* envp;
  int fds[kDescriptorsMax];
  int count;
  int error;
};

inline void SetMask(KernelMask mask, KernelMask* old) {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, old, sizeof mask);
}

/** Every signal back to its default, so that none of our handlers runs in the child once unblocked.
 */
inline void ResetSignals() {
  const KernelAction action = {};
  for (int signal = 1; signal <= 64; ++signal) {
    syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(KernelMask));
  }
  SetMask(0, nullptr);
}

/** Puts fds[i] at i. Sources first move above all targets, so that none is overwritten before its
 * turn, and none is already in place: dup2(n, n) would leave it close-on-exec. */
inline int PlaceDescriptors(Call* call) {
  int moved[kDescriptorsMax];
  for (int i = 0; i < call->count; ++i) {
    moved[i] = fcntl(call->fds[i], F_DUPFD_CLOEXEC, call->count);
    if (moved[i] < 0) return errno;
  }
  for (int i = 0; i < call->count; ++i) {
    if (dup2(moved[i], i) < 0) return errno;
  }
  return 0;
}

inline int Child(void* argument) {
  Call* call = static_cast<Call*>(argument);
  call->error = PlaceDescriptors(call);
  if (call->error == 0) {
    ResetSignals();
    execve("/proc/self/exe", call->argv, call->envp);
    call->error = errno;
  }
  // Not _exit(3), which is the shim's: this is no end of PID 1.
  for (;;) syscall(SYS_exit_group, 127);
}

inline std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace spawn_child

static int64_t SpawnChild(const std::vector<std::string>& argv,
                          const std::vector<std::string>& envp, int64_t namespaces,
                          const std::vector<int32_t>& fds, int32_t child) {
  using namespace spawn_child;
  if (argv.empty() || fds.size() > kDescriptorsMax || (namespaces & ~kNamespaces) != 0 ||
      (child != -1 && (!IsChild(child) || Life() == nullptr))) {
    return -EINVAL;
  }
  const std::vector<char*> argv_pointers = Pointers(argv), envp_pointers = Pointers(envp);
  Call call = {argv_pointers.data(), envp_pointers.data(), {}, static_cast<int>(fds.size()), 0};
  for (size_t i = 0; i < fds.size(); ++i) call.fds[i] = fds[i];

  alignas(16) char stack[kStackBytes];
  KernelMask mask;
  SetMask(~KernelMask{0}, &mask);
  // The kernel writes the pid before the child runs: no child exists that the record does not know.
  pid_t unrecorded;
  if (child >= 0) UseChild(child);
  pid_t* const record = child == -1 ? &unrecorded : &Life()->pids[child];
  const int flags =
      CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD | static_cast<int>(namespaces);
  const int pid = clone(Child, stack + sizeof stack, flags, &call, record);
  const int clone_error = errno;
  SetMask(mask, nullptr);

  if (pid < 0) return -clone_error;
  // A failed child has ended by now; the reaper collects it like any other.
  return call.error != 0 ? -call.error : pid;
}
