// Makes /proc usable: ld.so finds our libraries, and Node finds itself, through it.
#ifndef SOLOCLOUD_LOADER_PROC_H_
#define SOLOCLOUD_LOADER_PROC_H_

#include <asm/stat.h>
#include <linux/mount.h>
#include <linux/sched.h>

#include "loader-fail.h"

#define CLIMB_STEPS_MAX 4096  // PATH_MAX bytes hold no deeper directory

static int same_directory(const struct stat* a, const struct stat* b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

// Goes to the root of the mount namespace from inside a chroot: with the process root moved below
// it, the working directory is outside the root and ".." leads up. Needs CAP_SYS_CHROOT.
static long climb_out(int root) {
  struct stat here, above;
  long error = raw(__NR_chroot, "/proc");
  if (error || (error = raw(__NR_fchdir, root))) return error;
  for (int i = 0; i < CLIMB_STEPS_MAX; i++) {
    if ((error = raw(__NR_newfstatat, AT_FDCWD, ".", &here, 0)) ||
        (error = raw(__NR_newfstatat, AT_FDCWD, "..", &above, 0)))
      return error;
    if (same_directory(&here, &above)) return 0;
    if ((error = raw(__NR_chdir, ".."))) return error;
  }
  return -ELOOP;
}

// A mount namespace of our own from which nothing propagates back. Inside a chroot "/" is usually
// no mount point, so the propagation of the real root is changed and the old root entered again.
static long private_mounts(void) {
  long error = raw(__NR_unshare, CLONE_NEWNS);
  if (error) return error;
  error = raw(__NR_mount, 0, "/", 0, MS_REC | MS_SLAVE, 0);
  if (error != -EINVAL) return error;
  int cwd = raw_open(".", O_PATH | O_DIRECTORY, 0);
  int root = raw_open("/", O_PATH | O_DIRECTORY, 0);
  if (cwd < 0 || root < 0) return cwd < 0 ? cwd : root;
  error = climb_out(root);
  if (!error) error = raw(__NR_mount, 0, ".", 0, MS_REC | MS_SLAVE, 0);
  long back = raw(__NR_fchdir, root);
  if (!back) back = raw(__NR_chroot, ".");
  if (!back) back = raw(__NR_fchdir, cwd);
  raw_close(cwd);
  raw_close(root);
  return error ? error : back;
}

// Called at most once with effect: PID 1 owns its namespace's mounts, everybody else gets a copy.
static long may_mount(void) {
  static int asked;
  static long answer;
  if (!asked) answer = raw(__NR_getpid) == 1 ? 0 : private_mounts();
  asked = 1;
  return answer;
}

// Opens this very file for reading, after mounting /proc when it is missing.
static int open_self(void) {
  int self = raw_open("/proc/self/exe", O_RDONLY, 0);
  if (self >= 0) return self;
  raw(__NR_mkdirat, AT_FDCWD, "/proc", 0555);
  long error = may_mount();
  if (!error) error = raw(__NR_mount, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
  if (error == -EPERM)
    loader_fail(
        "/proc is not mounted here and only root may mount it: mount it first, or run as root", 0);
  if (error == -ENOENT || error == -EROFS || error == -ENOTDIR)
    loader_fail("/proc is not mounted and there is no directory for it: make an empty /proc", 0);
  if (error) loader_fail("/proc is not mounted and mounting it failed", error);
  self = raw_open("/proc/self/exe", O_RDONLY, 0);
  if (self < 0) loader_fail("cannot read this very file through /proc/self/exe", self);
  return self;
}

// Nothing that whoever started us left open reaches a child: libuv stops looking at the first gap.
static void close_inherited_on_exec(void) {
  struct entry {  // linux_dirent64 of getdents64(2)
    uint64_t inode;
    int64_t next;
    unsigned short size;
    unsigned char type;
    char name[];
  };
  static char entries[4096] __attribute__((aligned(8)));
  long got;
  int directory = raw_open("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
  if (directory < 0) loader_fail("cannot list the open descriptors", directory);
  while ((got = raw(__NR_getdents64, directory, entries, sizeof entries)) > 0) {
    for (long at = 0; at < got; at += ((struct entry*)(entries + at))->size) {
      uint64_t fd;
      if (!raw_parse_unsigned(((struct entry*)(entries + at))->name, 10, &fd) && fd > 2)
        raw(__NR_fcntl, fd, F_SETFD, FD_CLOEXEC);
    }
  }
  raw_close(directory);
}

#endif  // SOLOCLOUD_LOADER_PROC_H_
