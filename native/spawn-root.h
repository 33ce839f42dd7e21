// The steps that build an app's root around it: entering, mounts, devices, links, and the way in.
#ifndef SOLOCLOUD_SPAWN_ROOT_H_
#define SOLOCLOUD_SPAWN_ROOT_H_

#include <linux/mount.h>

#include "spawn-paths.h"
#include "spawn-state.h"

enum { UMOUNT_DETACH = 2 };  // MNT_DETACH of <sys/mount.h>

static int open_root(struct spawn* s, const char* root) {
  s->root = raw_open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
  return s->root < 0 ? s->root : (int)raw(__NR_fchdir, s->root);
}

static int step_enter_mount_namespace(struct spawn* s) {
  const char* root = word(s);
  if (s->malformed) return -EINVAL;
  // First of all: what is mounted from here on must not appear in the node's own namespace.
  long failed = raw(__NR_mount, "none", "/", 0, MS_REC | MS_PRIVATE, 0);
  // pivot_root wants a mount point.
  if (!failed) failed = raw(__NR_mount, root, root, 0, MS_BIND | MS_REC, 0);
  s->private_mounts = 1;
  return failed ? (int)failed : open_root(s, root);
}

static int step_enter_directory(struct spawn* s) {
  const char* root = word(s);
  return s->malformed ? -EINVAL : open_root(s, root);
}

// Whether something is mounted on this directory: then it is on another device than what is above
// it.
static int is_mount_point(int at) {
  struct stat here, above;
  return !raw(__NR_fstat, at, &here) && !raw(__NR_newfstatat, at, "..", &above, 0) &&
         here.st_dev != above.st_dev;
}

// What a container, a security module or a small kernel answers to what it does not have.
static int is_refusal(int failed) {
  return failed == -EPERM || failed == -EACCES || failed == -ENODEV;
}

static int step_mount(struct spawn* s) {
  const char *source = word(s), *target = word(s), *fstype = word(s);
  const int64_t flags = number(s);
  const char* data = word(s);
  const int64_t optional = number(s);
  if (s->malformed || s->root < 0) return -EINVAL;
  int at = walk(s->root, target);
  if (at < 0) return at;
  int failed = 0;
  // Without a mount namespace, what an earlier start has mounted is still there.
  if (s->private_mounts || flags & MS_REMOUNT || !is_mount_point(at)) {
    failed = (int)raw(__NR_mount, source, path_of(at).text, fstype, flags, data);
  }
  raw_close(at);
  return optional && is_refusal(failed) ? 0 : failed;
}

static unsigned device_number(int64_t major, int64_t minor) {
  const uint64_t high = (uint64_t)major, low = (uint64_t)minor;
  return (unsigned)((low & 0xff) | high << 8 | (low & ~(uint64_t)0xff) << 12);
}

static int is_device(const struct stat* status, unsigned device) {
  return S_ISCHR(status->st_mode) && status->st_rdev == device;
}

// The node's own device of that name, if it is that device: O_PATH, or -errno.
static int open_node_device(const char* name, unsigned device) {
  char path[NAME_SIZE + 8];
  struct raw_text text = raw_text_in(path, sizeof path);
  raw_add(&text, "/dev/");
  raw_add(&text, name);
  int fd = text.lost ? -ENAMETOOLONG : raw_open(path, O_PATH | O_NOFOLLOW, 0);
  struct stat status;
  if (fd < 0 || (!raw(__NR_fstat, fd, &status) && is_device(&status, device))) return fd;
  raw_close(fd);
  return -ENODEV;
}

static int bind_onto(int source, int at, const char* name, unsigned long flags) {
  int target = (int)raw(__NR_openat, at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (target < 0) return target;
  int failed = (int)raw(__NR_mount, path_of(source).text, path_of(target).text, 0, flags, 0);
  raw_close(target);
  return failed;
}

// The node's device in place of one of the app's own: bound, else (no mounts either) hard-linked.
static int borrow_device(int node_device, int at, const char* name) {
  const int flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC;
  int file = (int)raw(__NR_openat, at, name, flags, 0);
  if (file < 0) return file;
  raw_close(file);
  int failed = bind_onto(node_device, at, name, MS_BIND);
  if (!failed) {
    // Read-only, so that an app that is root can't change the mode of the node's device; opening a
    // device for writing still works. Refused where mount flags are locked: then so is chmod.
    bind_onto(node_device, at, name, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC);
    return 0;
  }
  raw(__NR_unlinkat, at, name, 0);
  if (!is_refusal(failed)) return failed;
  return (int)raw(__NR_linkat, AT_FDCWD, path_of(node_device).text, at, name, AT_SYMLINK_FOLLOW);
}

static int make_device(int at, const char* name, int64_t mode, unsigned device) {
  struct stat status;
  if (!raw(__NR_newfstatat, at, name, &status, AT_SYMLINK_NOFOLLOW)) {
    if (is_device(&status, device)) return 0;  // From an earlier start, without a mount namespace.
    long failed = raw(__NR_unlinkat, at, name, 0);
    if (failed) return (int)failed;
  }
  int failed = (int)raw(__NR_mknodat, at, name, S_IFCHR | mode, device);
  if (!is_refusal(failed)) return failed;
  int node_device = open_node_device(name, device);
  if (node_device < 0) return node_device;
  failed = borrow_device(node_device, at, name);
  raw_close(node_device);
  return failed;
}

static int step_device(struct spawn* s) {
  const char *path = word(s), *name;
  const int64_t mode = number(s), major = number(s), minor = number(s);
  if (s->malformed || s->root < 0) return -EINVAL;
  int at = walk_to_parent(s->root, path, &name);
  if (at < 0) return at;
  int failed = make_device(at, name, mode, device_number(major, minor));
  raw_close(at);
  return failed;
}

// A link that is there already with the same target stays; anything else but a directory is
// replaced.
static int make_link(const char* target, int at, const char* name) {
  char there[PATH_SIZE];
  long size = raw(__NR_readlinkat, at, name, there, sizeof there - 1);
  if (size >= 0) {
    there[size] = 0;
    if (raw_streq(there, target)) return 0;
  }
  if (size != -ENOENT) {
    long failed = raw(__NR_unlinkat, at, name, 0);
    if (failed) return (int)failed;
  }
  return (int)raw(__NR_symlinkat, target, at, name);
}

static int step_symlink(struct spawn* s) {
  const char *target = word(s), *path = word(s), *name;
  if (s->malformed || s->root < 0) return -EINVAL;
  int at = walk_to_parent(s->root, path, &name);
  if (at < 0) return at;
  int failed = make_link(target, at, name);
  raw_close(at);
  return failed;
}

static int step_pivot_root(struct spawn* s) {
  int old = raw_open("/", O_PATH | O_DIRECTORY, 0);
  if (old < 0) return old;
  if (s->root < 0) return -EINVAL;
  long failed = raw(__NR_fchdir, s->root);
  // pivot_root(2): with "." for both, the old root lies on top of the new one, from where it is
  // detached.
  if (!failed) failed = raw(__NR_pivot_root, ".", ".");
  if (!failed) failed = raw(__NR_fchdir, old);
  if (!failed) failed = raw(__NR_umount2, ".", UMOUNT_DETACH);
  raw_close(old);
  return failed ? (int)failed : (int)raw(__NR_chdir, "/");
}

static int step_chroot(struct spawn* s) {
  if (s->root < 0) return -EINVAL;
  long failed = raw(__NR_fchdir, s->root);
  if (!failed) failed = raw(__NR_chroot, ".");
  return failed ? (int)failed : (int)raw(__NR_chdir, "/");
}

#endif  // SOLOCLOUD_SPAWN_ROOT_H_
