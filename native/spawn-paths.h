// Paths inside an app's root, walked one component at a time and never through a symbolic link:
// before the root is entered, a link of the app would lead into the node.
#ifndef SOLOCLOUD_SPAWN_PATHS_H_
#define SOLOCLOUD_SPAWN_PATHS_H_

#include <asm/stat.h>
#include <linux/stat.h>

#include "raw.h"

enum { NAME_SIZE = 256 };

// /proc/self/fd/N, the way to hand an O_PATH descriptor to a call that takes a path. Needs the
// node's /proc, so it works until the root is entered.
struct fd_path {
  char text[32];
};

static struct fd_path path_of(int fd) {
  struct fd_path path;
  struct raw_text text = raw_text_in(path.text, sizeof path.text);
  raw_add(&text, "/proc/self/fd/");
  raw_add_number(&text, fd);
  return path;
}

// The directory `name` in `at`, made (0755) when it is missing: O_PATH, or -errno.
static int enter_component(int at, const char* name) {
  for (int tries = 0; tries < 2; tries++) {
    int fd = (int)raw(__NR_openat, at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd == -ENOENT && tries == 0) {
      long made = raw(__NR_mkdirat, at, name, 0755);
      if (made < 0 && made != -EEXIST) return (int)made;
      continue;
    }
    if (fd < 0) return fd;
    struct stat status;
    long failed = raw(__NR_fstat, fd, &status);
    if (!failed && S_ISDIR(status.st_mode)) return fd;
    raw_close(fd);
    return failed ? (int)failed : S_ISLNK(status.st_mode) ? -ELOOP : -ENOTDIR;
  }
  return -ENOENT;
}

// Copies the next component of *path to `name` and moves *path behind it. 1, 0 at the end, or
// -errno.
static int next_component(const char** path, char* name) {
  size_t size = 0;
  while (**path == '/') ++*path;
  for (; **path && **path != '/'; ++*path) {
    if (size + 1 == NAME_SIZE) return -ENAMETOOLONG;
    name[size++] = **path;
  }
  name[size] = 0;
  if (raw_streq(name, "..")) return -EINVAL;
  return size > 0;
}

// The directory `path` below `top` (or `top` itself, as "."): O_PATH, or -errno. -ELOOP at a
// symbolic link, -EINVAL at "..".
static int walk(int top, const char* path) {
  char name[NAME_SIZE];
  int at = (int)raw(__NR_fcntl, top, F_DUPFD_CLOEXEC, REPORT_FD + 1);
  while (at >= 0) {
    int more = next_component(&path, name);
    if (more == 0) return at;
    int next = more < 0 ? more : raw_streq(name, ".") ? at : enter_component(at, name);
    if (next != at) raw_close(at);
    at = next;
  }
  return at;
}

// The directory that holds `path`, and the last component in *name.
static int walk_to_parent(int top, const char* path, const char** name) {
  char parent[PATH_SIZE];
  *name = raw_base_name(path);
  size_t size = (size_t)(*name - path);
  if (size >= sizeof parent) return -ENAMETOOLONG;
  if (!**name || raw_streq(*name, ".") || raw_streq(*name, "..")) return -EINVAL;
  memcpy(parent, path, size);
  parent[size] = 0;
  return walk(top, parent);
}

#endif  // SOLOCLOUD_SPAWN_PATHS_H_
