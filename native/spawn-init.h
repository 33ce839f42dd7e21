// The app's own init, pid 1 of its pid namespace: an app that is pid 1 itself would ignore SIGTERM
// by default, and nobody would reap its orphans.
#ifndef SOLOCLOUD_SPAWN_INIT_H_
#define SOLOCLOUD_SPAWN_INIT_H_

#include <asm/signal.h>
#include <asm/stat.h>
#include <linux/prctl.h>
#include <linux/wait.h>

#include "spawn-state.h"

#define INITIAL_PID_NAMESPACE 4026531836UL  // PROC_PID_INIT_INO of include/linux/proc_ns.h

enum { SIGNALS = 64, MASK_BYTES = 8, STDERR_FD = 2, FAILED_STATUS = 127 };

static void set_signal_mask(uint64_t mask) {
  raw(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, MASK_BYTES);
}

// Whether this is certain not to be the kernel's initial pid namespace. Asked before the root is
// entered: what the app calls /proc is no witness.
static int in_own_pid_namespace(void) {
  struct stat status;
  return !raw(__NR_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &status, 0) &&
         status.st_ino != INITIAL_PID_NAMESPACE;
}

static void report(const char* kind, int64_t number) {
  char line[64];
  struct raw_text text = raw_text_in(line, sizeof line);
  raw_add(&text, kind);
  if (number >= 0) {
    raw_add(&text, " ");
    raw_add_number(&text, number);
  }
  raw_add(&text, "\n");
  raw_write_all(REPORT_FD, line, text.length);
}

// The app's log pipes must end with the app, so none of them stays here; nor does the plan in `ps`.
static void become_init(struct spawn* s) {
  raw(__NR_prctl, PR_SET_NAME, "init", 0, 0, 0);
  // Of the app's own user, so a debugger of the app could otherwise attach to it.
  raw(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  for (int fd = 0; fd <= STDERR_FD; fd++) raw_close(fd);
  if (s->root >= 0) raw_close(s->root);
  for (int i = 0; i < s->count; i++) memset(s->words[i], 0, raw_strlen(s->words[i]));
}

// Reaps everything that has ended: 1 with the main process's status once it is among them.
static int reap(long app, int* status) {
  int found = 0;
  for (;;) {
    int one;
    long pid = raw(__NR_wait4, -1, &one, WNOHANG, 0);
    if (pid <= 0) return found;
    if (pid != app) continue;
    *status = one;
    found = 1;
  }
}

static int run_init(long app) {
  int status = 0;
  const uint64_t every = ~(uint64_t)0;
  while (!reap(app, &status)) {
    long signal = raw(__NR_rt_sigtimedwait, &every, 0, 0, MASK_BYTES);
    if (signal > 0 && signal != SIGCHLD) raw(__NR_kill, app, signal);
  }
  return status;
}

// Both conditions: -1 means every process of the namespace to its pid 1, and of the machine
// elsewhere.
static void end_namespace(const struct spawn* s) {
  if (raw(__NR_getpid) != 1 || !s->own_pid_namespace) return;
  raw(__NR_kill, -1, SIGKILL);
  while (raw(__NR_wait4, -1, 0, 0, 0) != -ECHILD) continue;
}

static _Noreturn void be_init(struct spawn* s, long app, int started) {
  char failed = 0;
  become_init(s);
  // Nothing but the end of file comes from a pipe that the exec has closed.
  if (raw_read_all(started, &failed, 1) == 0) report("R", -1);
  raw_close(started);
  int status = run_init(app);
  if (!failed) report("X", status);
  end_namespace(s);
  raw_exit(failed ? FAILED_STATUS : (status & 0x7f) ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

// Returns in the child, which goes on to become the app.
static int step_init(struct spawn* s) {
  int pipe[2];
  int failed = (int)raw(__NR_pipe2, pipe, O_CLOEXEC);
  if (failed) return failed;
  set_signal_mask(
      ~(uint64_t)0);  // From here on the parent waits for signals instead of taking them.
  long pid = raw(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid > 0) {
    raw_close(pipe[1]);
    be_init(s, pid, pipe[0]);
  }
  set_signal_mask(0);
  raw_close(pipe[0]);
  if (pid < 0) return (int)pid;
  s->started = pipe[1];
  // A session of its own, as without an init: signals to the app's group don't reach its init.
  failed = (int)raw(__NR_setsid);
  return failed < 0 ? failed : 0;
}

#endif  // SOLOCLOUD_SPAWN_INIT_H_
