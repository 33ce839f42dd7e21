// How PID 1 ends a life and begins the next: whatever happened, in any thread, in as few steps as
// possible, with system calls alone. Every other program's answer to this is a kernel panic.
#ifndef SOLOCLOUD_LOADER_DEATH_H_
#define SOLOCLOUD_LOADER_DEATH_H_

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <asm/ucontext.h>
#include <linux/elf.h>
#include <linux/reboot.h>
#include <linux/time.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "life.h"
#include "loader-fail.h"

#define PID_NAMESPACE_OF_THE_KERNEL 4026531836UL  // PROC_PID_INIT_INO of include/linux/proc_ns.h
#define SIGNAL_TRIAL 62                           // real-time: neither Node nor glibc uses it
#define UNINTERRUPTIBLE_MS_MAX 60000
#define FINISH_MS_MAX 5000  // for each of: the kill of all that is left, the sync
#define RETRY_MS_MAX 60000
#define KERNEL_MASK_BYTES 8
#define STACK_WORDS_MAX 2048  // looked through for return addresses

struct kernel_action {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

static struct {
  struct life* life;  // NULL until it is there
  int life_fd;
  char** argv;  // the kernel's own, for the next life
  char** envp;
  const char* path;                     // AT_EXECFN, for when /proc is not there
  uint64_t text_start, text_end, base;  // of Node, where return addresses point to
  int dying;                            // the thread that is, by its number
} pid1 = {.life_fd = -1};

static uint64_t clock_ms(int clock) {
  struct timespec now = {0, 0};
  raw(__NR_clock_gettime, clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(uint64_t ms) {
  struct timespec left = {(long)(ms / 1000), (long)(ms % 1000) * 1000000};
  raw(__NR_nanosleep, &left, 0);
}

// Machine-wide acts: only as PID 1 of the kernel's own pid namespace (native/guard.h has the same).
// The loader gives these functions to nobody but the role init.
static int owns_machine(void) {
  struct stat about;
  return raw(__NR_getpid) == 1 && !raw(__NR_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &about, 0) &&
         about.st_ino == PID_NAMESPACE_OF_THE_KERNEL;
}

static void feed_watchdog(void) {
  if (pid1.life && pid1.life->watchdog_fd >= 0) raw(__NR_write, pid1.life->watchdog_fd, "", 1);
}

// Zombies don't wait for the next life. What is known of a child stays in the record.
static void reap_children(void) {
  int status;
  long pid;
  while ((pid = raw(__NR_wait4, -1, &status, WNOHANG, 0)) > 0)
    if (pid1.life && life_note_end(pid1.life, (int)pid, status) < 0) pid1.life->orphans++;
}

// Sleeps while the rest of PID 1's duties are done.
static void wait_ms(uint64_t ms) {
  const uint64_t until = clock_ms(CLOCK_MONOTONIC) + ms;
  for (;;) {
    uint64_t now = clock_ms(CLOCK_MONOTONIC);
    reap_children();
    feed_watchdog();
    if (now >= until) return;
    sleep_ms(until - now < 100 ? until - now : 100);
  }
}

static _Noreturn void restart_machine(unsigned command, int container_status) {
  if (owns_machine()) raw(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, 0);
  raw_exit(container_status);
}

// Waits for every child of ours at most so long: 1 when there is none left.
static int wait_for_children(uint64_t ms) {
  const uint64_t until = clock_ms(CLOCK_MONOTONIC) + ms;
  while (clock_ms(CLOCK_MONOTONIC) < until) {
    long pid = raw(__NR_wait4, -1, 0, WNOHANG, 0);
    if (pid == -ECHILD) return 1;
    if (pid == 0) sleep_ms(10);
    feed_watchdog();
  }
  return 0;
}

// The rest of a shutdown whose JavaScript is gone or hangs: it always ends.
static _Noreturn void finish_shutdown(int ending) {
  const int reboots = ending == LIFE_REBOOTS;
  if (raw(__NR_getpid) == 1) raw(__NR_kill, -1, SIGKILL);
  wait_for_children(FINISH_MS_MAX);
  // In a child, because a disk that does not answer would keep us here.
  long child = raw(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    raw(__NR_sync);
    raw_exit(0);
  }
  wait_for_children(FINISH_MS_MAX);
  restart_machine(reboots ? LINUX_REBOOT_CMD_RESTART : LINUX_REBOOT_CMD_POWER_OFF,
                  reboots ? 129 : 0);
}

// The state letter of one of our threads (proc(5), task/TID/stat), 0 when it is gone.
static char thread_state(const char* tid) {
  char path[64], line[256];
  struct raw_text text = raw_text_in(path, sizeof path);
  raw_add(&text, "/proc/self/task/");
  raw_add(&text, tid);
  raw_add(&text, "/stat");
  int fd = raw_open(path, O_RDONLY, 0);
  if (fd < 0) return 0;
  long size = raw_read_all(fd, line, sizeof line - 1);
  raw_close(fd);
  // The name in parentheses may hold anything: the last one ends it.
  for (long at = size - 3; at > 0; at--)
    if (line[at] == ')') return line[at + 2];
  return 0;
}

// A thread that sleeps uninterruptibly keeps execve(2) waiting, for ever perhaps.
static int has_stuck_thread(void) {
  struct entry {  // linux_dirent64 of getdents64(2)
    uint64_t inode;
    int64_t next;
    unsigned short size;
    unsigned char type;
    char name[];
  };
  char entries[2048] __attribute__((aligned(8)));
  long got;
  int stuck = 0;
  int directory = raw_open("/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
  if (directory < 0) return 0;
  while (!stuck && (got = raw(__NR_getdents64, directory, entries, sizeof entries)) > 0) {
    for (long at = 0; at < got && !stuck; at += ((struct entry*)(entries + at))->size) {
      const char* name = ((struct entry*)(entries + at))->name;
      stuck = name[0] != '.' && thread_state(name) == 'D';
    }
  }
  raw_close(directory);
  return stuck;
}

static void wait_for_stuck_threads(void) {
  const uint64_t until = clock_ms(CLOCK_MONOTONIC) + UNINTERRUPTIBLE_MS_MAX;
  while (has_stuck_thread()) {
    if (clock_ms(CLOCK_MONOTONIC) >= until) {
      loader_say("a thread of init hangs in the kernel and can't be ended: restarting", 0);
      restart_machine(LINUX_REBOOT_CMD_RESTART, 129);
    }
    wait_ms(100);
  }
}

static void mark(int fd, int flags) {
  if (fd >= 0) raw(__NR_fcntl, fd, F_SETFD, flags);
}

// With flags 0, what the next life needs stays open; everything else is close-on-exec, always.
static void mark_kept_descriptors(int flags) {
  struct life* life = pid1.life;
  for (int fd = 0; fd <= 2; fd++) mark(fd, flags);  // Node marks these too.
  mark(pid1.life_fd, flags);
  if (!life) return;
  mark(life->log_fd, flags);
  mark(life->watchdog_fd, flags);
  mark(life->previous_fd, flags);
  for (int i = 0; i < LIFE_DESCRIPTORS; i++)
    if (life->kept[i / 8] >> (i % 8) & 1) mark(i, flags);
}

// Returns only on failure: -errno.
static int next_life_in(const char* path) {
  static char* plain_argv[] = {"init", 0};
  static char* no_environment[] = {0};
  int error = (int)raw(__NR_execve, path, pid1.argv, pid1.envp);
  // A wild pointer may have hit the words that the kernel left us.
  if (error == -EFAULT) error = (int)raw(__NR_execve, path, plain_argv, no_environment);
  return error;
}

static struct raw_text path_of_descriptor(char* path, size_t size, int fd) {
  struct raw_text text = raw_text_in(path, size);
  raw_add(&text, "/proc/self/fd/");
  raw_add_number(&text, fd);
  return text;
}

// Back to the file from before the upgrade.
static void go_back(const char* reason) {
  struct raw_text text = raw_text_in(pid1.life->upgrade_reason, LIFE_REASON_SIZE);
  raw_add(&text, reason);
  pid1.life->upgrade = LIFE_WENT_BACK;
}

// Never returns. Out of memory, or no /proc: it tries again, with the apps running.
static _Noreturn void next_life(void) {
  char previous[40];
  const uint64_t none = 0;
  raw(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, KERNEL_MASK_BYTES);
  if (pid1.life && pid1.life->ending) finish_shutdown(pid1.life->ending);
  wait_for_stuck_threads();
  mark_kept_descriptors(0);
  for (uint64_t pause = 1000;; pause = pause < RETRY_MS_MAX / 2 ? pause * 2 : RETRY_MS_MAX) {
    if (pid1.life && pid1.life->upgrade == LIFE_WENT_BACK && pid1.life->previous_fd >= 0) {
      path_of_descriptor(previous, sizeof previous, pid1.life->previous_fd);
      next_life_in(previous);
    }
    int error = next_life_in("/proc/self/exe");
    if (pid1.path) next_life_in(pid1.path);
    loader_say("the next life of init can't begin yet", error);
    wait_ms(pause);
  }
}

// The place for this death: a free one, else that of the oldest.
static struct life_death* place_for_death(struct life* life) {
  struct life_death* oldest = life->deaths;
  for (int i = 0; i < LIFE_DEATHS; i++) {
    if (!life->deaths[i].life) return &life->deaths[i];
    if (life->deaths[i].life < oldest->life) oldest = &life->deaths[i];
  }
  return oldest;
}

// What of the stack looks like a return address into Node. Read by the kernel for us, so that a
// stack that is not there is no second fault.
static void look_through_stack(struct life_death* death, uint64_t from) {
  static uint64_t words[STACK_WORDS_MAX];
  struct iovec here = {words, sizeof words}, there = {(void*)(from & ~7UL), sizeof words};
  long size = raw(__NR_process_vm_readv, raw(__NR_getpid), &here, 1, &there, 1, 0);
  for (long i = 0; i < size / 8 && death->frames < LIFE_FRAMES; i++)
    if (words[i] >= pid1.text_start && words[i] < pid1.text_end)
      death->stack[death->frames++] = words[i] - pid1.base;
}

static void note_death(struct life_death facts, const char* reason, const char* note,
                       uint64_t stack) {
  struct life* life = pid1.life;
  if (!life) return;
  struct life_death* death = place_for_death(life);
  struct raw_text text;
  facts.at_ms = clock_ms(CLOCK_REALTIME);
  facts.uptime_ms = clock_ms(CLOCK_MONOTONIC) - life->boot_ms;
  facts.thread = (int)raw(__NR_gettid);
  *death = facts;
  text = raw_text_in(death->reason, sizeof death->reason);
  raw_add(&text, reason);
  text = raw_text_in(death->text, sizeof death->text);
  if (note) raw_add(&text, note);
  if (stack) look_through_stack(death, stack);
  // Last: before, this place is free.
  __atomic_store_n(&death->life, life->lives, __ATOMIC_RELEASE);
}

// One thread dies; the others wait for the end that execve(2) makes of them. False in a fault of
// the very code that ends a life: then there is no report.
static int dies_first(void) {
  int nobody = 0, thread = (int)raw(__NR_gettid);
  if (__atomic_compare_exchange_n(&pid1.dying, &nobody, thread, 0, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return 1;
  while (nobody != thread) sleep_ms(RETRY_MS_MAX);
  return 0;
}

static _Noreturn void die(const char* reason, const char* note) {
  const struct life_death facts = {.instruction = (uint64_t)__builtin_return_address(0)};
  if (dies_first()) note_death(facts, reason, note, (uint64_t)__builtin_frame_address(0));
  next_life();
}

static const char* fatal_name(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGILL:
      return "SIGILL";
    case SIGFPE:
      return "SIGFPE";
    case SIGABRT:
      return "SIGABRT";
    case SIGTRAP:
      return "SIGTRAP";
    default:
      return "SIGSYS";
  }
}

static void on_fatal_signal(int signal, siginfo_t* info, void* context) {
  const struct ucontext* at = context;
#if defined(__x86_64__)
  const uint64_t instruction = at->uc_mcontext.rip, stack = at->uc_mcontext.rsp;
#else
  const uint64_t instruction = at->uc_mcontext.pc, stack = at->uc_mcontext.sp;
#endif
  struct life_death facts = {
      .address = (uint64_t)info->si_addr,
      .instruction = instruction,
      .signal = signal,
      .code = info->si_code,
  };
  if (info->si_code <= 0) facts.address = 0;  // Sent by somebody: these bytes are its pid.
  // A child that shares our memory until its exec is not us.
  if (raw(__NR_getpid) != 1) raw_exit(128 + signal);
  if (dies_first()) note_death(facts, fatal_name(signal), 0, stack);
  next_life();
}

// The new file has had its time, and JavaScript has not said that it works.
static void on_trial_end(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info, (void)context;
  if (!pid1.life || pid1.life->upgrade != LIFE_TRIAL) return;
  if (dies_first()) {
    note_death((struct life_death){0}, "upgrade not confirmed", 0, 0);
    go_back("it did not answer within its time");
  }
  next_life();
}

#if defined(__x86_64__)
__asm__("signal_return:\n  mov $15, %eax\n  syscall\n");  // rt_sigreturn(2)
void signal_return(void);
#define RESTORER signal_return
#define SA_RESTORER_FLAG 0x04000000UL
#else
#define RESTORER 0
#define SA_RESTORER_FLAG 0
#endif

static void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  // SA_NODEFER: a fault in the handler is a fault again, not the kernel's end of us.
  const struct kernel_action action = {
      handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | SA_RESTORER_FLAG, RESTORER, 0};
  raw(__NR_rt_sigaction, signal, &action, 0, KERNEL_MASK_BYTES);
}

static void handle_deaths(void) {
  static char stack[64 * 1024] __attribute__((aligned(16)));
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
  const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  raw(__NR_sigaltstack, &alternate, 0);
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) handle(fatal[i], on_fatal_signal);
}

static int become(int fd) {
  char path[40];
  path_of_descriptor(path, sizeof path, fd);
  mark_kept_descriptors(0);
  int error = next_life_in(path);
  mark_kept_descriptors(FD_CLOEXEC);  // This life goes on, and its children get none of them.
  return error;
}

static _Noreturn void leave(int status) { raw_exit(status); }

#endif  // SOLOCLOUD_LOADER_DEATH_H_
