// The role `spawn`: performs a plan (chroot-runner/plan.ts; the words are docs/ARCHITECTURE.md's)
// and becomes the app. Single-threaded C without a library, so that little can go wrong between PID
// 1 and the app. The first step that fails is reported on descriptor 3 by its index.

#include <asm/signal.h>
#include <linux/prctl.h>
#include <linux/resource.h>

#include "raw.h"
#include "spawn-init.h"
#include "spawn-paths.h"
#include "spawn-root.h"
#include "spawn-state.h"
#include "spawn-user.h"
#include "spawn-write.h"

enum { APP_UMASK = 022, DESCRIPTORS_MAX = 1 << 20 };

int spawn_main(int argc, char** argv, char** envp);

// Writes a short text to a file of the kernel's: 0 or -errno.
static int write_kernel_file(const char* path, const char* text) {
  int fd = raw_open(path, O_WRONLY, 0);
  if (fd < 0) return fd;
  int failed = raw_write_all(fd, text, raw_strlen(text));
  raw_close(fd);
  return failed;
}

static int step_setsid(struct spawn* s) {
  (void)s;
  long session = raw(__NR_setsid);
  return session < 0 ? (int)session : 0;
}

static int step_cgroup(struct spawn* s) {
  char path[PATH_SIZE];
  struct raw_text text = raw_text_in(path, sizeof path);
  raw_add(&text, word(s));
  raw_add(&text, "/cgroup.procs");
  if (s->malformed) return -EINVAL;
  return text.lost ? -ENAMETOOLONG : write_kernel_file(path, "0");  // 0 is the writer itself.
}

static int step_oom_score_adj(struct spawn* s) {
  char value[24];
  struct raw_text text = raw_text_in(value, sizeof value);
  raw_add_number(&text, number(s));
  return s->malformed ? -EINVAL : write_kernel_file("/proc/self/oom_score_adj", value);
}

static int step_rlimit(struct spawn* s) {
  const int64_t resource = number(s);
  struct rlimit64 wanted = {(uint64_t)number(s), (uint64_t)number(s)};  // -1 is infinity.
  struct rlimit64 current;
  if (s->malformed) return -EINVAL;
  int failed = (int)raw(__NR_prlimit64, 0, resource, &wanted, 0);
  if (failed != -EPERM) return failed;
  // Raising the hard limit is a privilege that not every container's root has: as high as it goes.
  failed = (int)raw(__NR_prlimit64, 0, resource, 0, &current);
  if (failed) return failed;
  wanted.rlim_max = current.rlim_max;
  if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
  return (int)raw(__NR_prlimit64, 0, resource, &wanted, 0);
}

static int step_hostname(struct spawn* s) {
  const char* name = word(s);
  return s->malformed ? -EINVAL : (int)raw(__NR_sethostname, name, raw_strlen(name));
}

static int step_no_new_privs(struct spawn* s) {
  (void)s;
  return (int)raw(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int step_chdir(struct spawn* s) {
  const char* path = word(s);
  return s->malformed ? -EINVAL : (int)raw(__NR_chdir, path);
}

static const char* search_path(char** envp) {
  for (; *envp; envp++) {
    if (raw_starts_with(*envp, "PATH=")) return *envp + 5;
  }
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

// As execvp(3): what can't be run in one directory may be in the next, and EACCES is remembered.
static int exec_in_path(char** argv, char** envp) {
  const char* directory = search_path(envp);
  int failed = -ENOENT;
  while (*directory) {
    char path[PATH_SIZE];
    struct raw_text text = raw_text_in(path, sizeof path);
    for (; *directory && *directory != ':'; directory++) raw_add(&text, (char[]){*directory, 0});
    if (*directory) directory++;
    raw_add(&text, "/");
    raw_add(&text, argv[0]);
    if (text.lost) continue;
    int error = (int)raw(__NR_execve, path, argv, envp);
    if (error != -ENOENT && error != -ENOTDIR && error != -EACCES) return error;
    if (error == -EACCES) failed = error;
  }
  return failed;
}

static int step_exec(struct spawn* s) {
  const int64_t count = number(s);
  // The words are the plan's last, so argv's own NULL ends them.
  if (s->malformed || count < 1 || count != s->count - s->next) return -EINVAL;
  char** argv = s->words + s->next;
  if (!*argv[0]) return -ENOENT;
  raw(__NR_umask, APP_UMASK);
  for (const char* p = argv[0]; *p; p++) {
    if (*p == '/') return (int)raw(__NR_execve, argv[0], argv, s->envp);
  }
  return exec_in_path(argv, s->envp);
}

static int step_exit(struct spawn* s) {
  if (s->next != s->count) return -EINVAL;
  raw_exit(0);
}

static const struct {
  const char* op;
  int (*perform)(struct spawn*);
} steps[] = {
    {"setsid", step_setsid},
    {"cgroup", step_cgroup},
    {"oom-score-adj", step_oom_score_adj},
    {"rlimit", step_rlimit},
    {"enter-mount-namespace", step_enter_mount_namespace},
    {"enter-directory", step_enter_directory},
    {"mount", step_mount},
    {"device", step_device},
    {"symlink", step_symlink},
    {"pivot-root", step_pivot_root},
    {"chroot", step_chroot},
    {"write", step_write},
    {"hostname", step_hostname},
    {"user", step_user},
    {"no-new-privs", step_no_new_privs},
    {"chdir", step_chdir},
    {"init", step_init},
    {"exec", step_exec},
    {"exit", step_exit},
};

// A plan that ends without exec or exit fails here, at the step that is missing.
static int perform_next(struct spawn* s) {
  const char* op = word(s);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    if (raw_streq(op, steps[i].op)) return steps[i].perform(s);
  }
  return -EINVAL;
}

static _Noreturn void fail(const struct spawn* s, int index, int error) {
  char kind[32];
  struct raw_text text = raw_text_in(kind, sizeof kind);
  raw_add(&text, "E ");
  raw_add_number(&text, index);
  report(kind, -error);
  if (s->started >= 0) raw_write_all(s->started, "E", 1);
  raw_exit(FAILED_STATUS);
}

// What PID 1 ignores or blocks is none of the app's business.
static void reset_signals(void) {
  const struct {
    uint64_t words[4];  // The kernel's struct sigaction; all zero is SIG_DFL.
  } action = {{0}};
  for (int signal = 1; signal <= SIGNALS; signal++) {
    raw(__NR_rt_sigaction, signal, &action, 0, MASK_BYTES);
  }
  set_signal_mask(0);
}

// Closes what /proc/self/fd lists: 0, or -errno when it can't be read.
static int close_listed(int list) {
  struct entry {
    uint64_t inode, offset;
    unsigned short size;
    unsigned char type;
    char name[];
  };
  char buffer[2048] __attribute__((aligned(8)));
  for (;;) {
    // The kernel's position in the list is a descriptor's number, so closing one skips no other.
    long size = raw(__NR_getdents64, list, buffer, sizeof buffer);
    if (size <= 0) return (int)size;
    for (long at = 0; at < size; at += ((struct entry*)(buffer + at))->size) {
      uint64_t fd;
      if (raw_parse_unsigned(((struct entry*)(buffer + at))->name, 10, &fd)) continue;
      if (fd > REPORT_FD && fd != (uint64_t)list) raw_close((int)fd);
    }
  }
}

// PID 1's descriptors are close-on-exec, so there is nothing here to close unless one was
// forgotten.
static void close_descriptors(void) {
  int list = raw_open("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
  int failed = list < 0 ? list : close_listed(list);
  if (list > REPORT_FD) raw_close(list);
  if (!failed) return;
  struct rlimit64 limit = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};
  raw(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, &limit);
  for (uint64_t fd = REPORT_FD + 1; fd < limit.rlim_max && fd < DESCRIPTORS_MAX; fd++) {
    raw_close((int)fd);
  }
}

int spawn_main(int argc, char** argv, char** envp) {
  struct spawn s = {.words = argv, .count = argc, .envp = envp, .root = -1, .started = -1};
  reset_signals();
  if (raw(__NR_fcntl, REPORT_FD, F_SETFD, FD_CLOEXEC) < 0) raw_exit(FAILED_STATUS);
  close_descriptors();
  raw(__NR_umask, 0);  // Modes in the plan are exact; the app gets its own umask before its exec.
  s.own_pid_namespace = in_own_pid_namespace();
  for (int index = 0;; index++) {
    int failed = perform_next(&s);
    if (failed) fail(&s, index, failed);
  }
}
