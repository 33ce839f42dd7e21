// From one life of PID 1 to the next, or to the end of a shutdown: whatever keeps execve(2) from
// it, it does not give up.
#ifndef SOLOCLOUD_LOADER_NEXT_LIFE_H_
#define SOLOCLOUD_LOADER_NEXT_LIFE_H_

#include "loader-pid1.h"

#define UNINTERRUPTIBLE_MS_MAX 60000
#define FINISH_MS_MAX 5000  // for each of: the kill of all that is left, the sync
#define RETRY_MS_MAX 60000
#define KERNEL_MASK_BYTES 8

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
  pid1.life->fresh = 1;
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

static int become(int fd) {
  char path[40];
  path_of_descriptor(path, sizeof path, fd);
  mark_kept_descriptors(0);
  pid1.life->fresh = 1;
  int error = next_life_in(path);
  pid1.life->fresh = 0;
  mark_kept_descriptors(FD_CLOEXEC);  // This life goes on, and its children get none of them.
  return error;
}

static _Noreturn void leave(int status) { raw_exit(status); }

#endif  // SOLOCLOUD_LOADER_NEXT_LIFE_H_
