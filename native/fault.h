// Deaths on demand, for the tests that prove that PID 1 survives them. Each is the real event, not
// an imitation. Refused unless the words of PID 1 or of the kernel allow fault injection: the
// loader, not JavaScript, has read those. init/fault-spec.ts names the same kinds.
#pragma once
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "arguments.h"
#include "guard.h"
#include "life-record.h"
#include "watchdog.h"

static void FaultSegv() { *static_cast<volatile int*>(nullptr) = 1; }

/** A page of our own file behind its end. */
static void FaultBus() {
  struct stat about;
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &about) != 0) return;
  const off_t page = sysconf(_SC_PAGESIZE);
  const off_t behind = (about.st_size / page + 1) * page;
  void* memory = mmap(nullptr, static_cast<size_t>(page), PROT_READ, MAP_PRIVATE, fd, behind);
  close(fd);
  if (memory == MAP_FAILED) return;
  [[maybe_unused]] const char byte = *static_cast<volatile char*>(memory);
}

#if defined(__x86_64__)
static void FaultIll() { __asm__ volatile("ud2"); }
static void FaultTrap() { __asm__ volatile("int3"); }
static void FaultFpe() {
  int quotient = 1, rest = 0;
  __asm__ volatile("idivl %2" : "+a"(quotient), "+d"(rest) : "r"(0) : "cc");
}
#else
static void FaultIll() { __asm__ volatile(".inst 0"); }
static void FaultTrap() { __asm__ volatile("brk #0"); }
// Division by zero is zero here.
static void FaultFpe() { raise(SIGFPE); }
#endif

static void FaultAbrt() { abort(); }

/** Raised: a seccomp filter that causes it would outlive the exec, and be there in every life. */
static void FaultSys() { raise(SIGSYS); }

/** Until the stack is over. Each call needs its array after the next one, so none can be saved. */
static int Recurse(volatile char* above) {  // NOLINT(misc-no-recursion)
  volatile char block[4096];
  block[0] = above[0];
  const int below = above[0] == 0 ? Recurse(block) : 0;
  return below + block[0];
}
static void FaultStack() {
  volatile char first = 0;
  Recurse(&first);
}

static void FaultNativeExit() { exit(3); }
static void FaultFastExit() { _exit(3); }

static void FaultNativeHang() {
  // A loop without any effect may be taken for one that ends.
  for (;;) __asm__ volatile("");
}
static void FaultSleepHang() {
  for (;;) pause();
}

/** The event loop has nothing left to wait for, and Node ends as a script does. */
static void FaultEmpty() {
  const auto forget = [](uv_handle_t* handle, void*) { uv_unref(handle); };
  uv_walk(uv_default_loop(), forget, nullptr);
}

/** Whoever writes to the disk sleeps uninterruptibly from now on. */
static void FaultFrozenDisk() {
  const int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  [[maybe_unused]] const int frozen = ioctl(root, FIFREEZE, 0);
}

/** We are the first. */
static void FaultFreeze() {
  FaultFrozenDisk();
  open("/.frozen", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void FaultPanic() {
  const int trigger = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
  [[maybe_unused]] const ssize_t written = write(trigger, "c", 1);
}

/** The processor is ours alone from now on: of everything else only interrupts run. */
static void FaultStarve() {
  const int throttle = open("/proc/sys/kernel/sched_rt_runtime_us", O_WRONLY | O_CLOEXEC);
  [[maybe_unused]] const ssize_t written = write(throttle, "-1", 2);
  sched_param highest = {};
  highest.sched_priority = sched_get_priority_max(SCHED_FIFO);
  if (sched_setscheduler(0, SCHED_FIFO, &highest) == 0) FaultNativeHang();
}

/** As if another process had sent it: no address, and any thread may get it. */
template <int signal>
static void FaultSignal() {
  kill(getpid(), signal);
}

enum class FaultPlace {
  kAnyThread,   // `KIND@thread` is another death than `KIND`
  kMainThread,  // elsewhere it would be no death, or the same one
  kMachine,     // the whole machine goes: only where it is ours
};

struct FaultKind {
  const char* name;
  void (*cause)();
  FaultPlace place;
};

static constexpr FaultKind kFaultKinds[] = {
    {"segv", FaultSegv, FaultPlace::kAnyThread},
    {"bus", FaultBus, FaultPlace::kAnyThread},
    {"ill", FaultIll, FaultPlace::kAnyThread},
    {"fpe", FaultFpe, FaultPlace::kAnyThread},
    {"abrt", FaultAbrt, FaultPlace::kAnyThread},
    {"trap", FaultTrap, FaultPlace::kAnyThread},
    {"sys", FaultSys, FaultPlace::kAnyThread},
    {"stack", FaultStack, FaultPlace::kAnyThread},
    {"native-exit", FaultNativeExit, FaultPlace::kAnyThread},
    {"fast-exit", FaultFastExit, FaultPlace::kAnyThread},
    {"native-hang", FaultNativeHang, FaultPlace::kMainThread},
    {"sleep-hang", FaultSleepHang, FaultPlace::kMainThread},
    {"empty", FaultEmpty, FaultPlace::kMainThread},
    {"signal:SIGSEGV", FaultSignal<SIGSEGV>, FaultPlace::kMainThread},
    {"signal:SIGBUS", FaultSignal<SIGBUS>, FaultPlace::kMainThread},
    {"signal:SIGILL", FaultSignal<SIGILL>, FaultPlace::kMainThread},
    {"signal:SIGFPE", FaultSignal<SIGFPE>, FaultPlace::kMainThread},
    {"signal:SIGABRT", FaultSignal<SIGABRT>, FaultPlace::kMainThread},
    {"signal:SIGTRAP", FaultSignal<SIGTRAP>, FaultPlace::kMainThread},
    {"signal:SIGSYS", FaultSignal<SIGSYS>, FaultPlace::kMainThread},
    {"freeze", FaultFreeze, FaultPlace::kMachine},
    {"frozen-disk", FaultFrozenDisk, FaultPlace::kMachine},
    {"panic", FaultPanic, FaultPlace::kMachine},
    {"starve", FaultStarve, FaultPlace::kMachine},
};

static const FaultKind* FindFault(const std::string& name) {
  for (const FaultKind& kind : kFaultKinds) {
    if (name == kind.name) return &kind;
    if (kind.place == FaultPlace::kAnyThread && name == std::string(kind.name) + "@thread") {
      return &kind;
    }
  }
  return nullptr;
}

static void* CauseFault(void* kind) {
  static_cast<const FaultKind*>(kind)->cause();
  return nullptr;
}

static int64_t Fault(const std::string& name) {
  if (Face() == nullptr) return -ENODEV;
  const FaultKind* kind = FindFault(name);
  if (kind == nullptr) return -EINVAL;
  if (Face()->life->faults != 1) return -EPERM;
  if (kind->place == FaultPlace::kMachine && !OwnsMachine()) return -EPERM;
  if (name != kind->name) {
    return -StartThread(CauseFault, const_cast<FaultKind*>(kind), 0);
  }
  kind->cause();
  return 0;
}
