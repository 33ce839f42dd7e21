// Replaces a file inside the root that was entered, as /etc/resolv.conf at every start.
#ifndef SOLOCLOUD_SPAWN_WRITE_H_
#define SOLOCLOUD_SPAWN_WRITE_H_

#include <linux/time.h>

#include "spawn-paths.h"
#include "spawn-state.h"

// Whether a regular file of this mode has this content already. Then nothing is written: an app
// starts again on a full disk.
static int has_content(int at, const char* name, int64_t mode, const char* content) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int fd = (int)raw(__NR_openat, at, name, flags, 0);
  if (fd < 0) return 0;
  size_t left = raw_strlen(content);
  struct stat status;
  int same = !raw(__NR_fstat, fd, &status) && S_ISREG(status.st_mode) &&
             (status.st_mode & 07777) == mode && (size_t)status.st_size == left;
  while (same && left > 0) {
    char bytes[512];
    long size = raw_read_all(fd, bytes, left < sizeof bytes ? left : sizeof bytes);
    same = size > 0 && memcmp(bytes, content, (size_t)size) == 0;
    content += same ? size : 0;
    left -= same ? (size_t)size : 0;
  }
  raw_close(fd);
  return same;
}

// A name that no other writer of this moment has: every app's init is pid 1, so the pid won't do.
static void temporary_name(char* buffer, size_t size) {
  struct timespec now = {0, 0};
  raw(__NR_clock_gettime, CLOCK_MONOTONIC, &now);
  struct raw_text text = raw_text_in(buffer, size);
  raw_add(&text, ".solocloud-");
  raw_add_number(&text, now.tv_sec);
  raw_add(&text, "-");
  raw_add_number(&text, now.tv_nsec);
}

static int write_file(int at, const char* name, int64_t mode, const char* content) {
  char temporary[64];
  temporary_name(temporary, sizeof temporary);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = (int)raw(__NR_openat, at, temporary, flags, 0600);
  if (fd < 0) return fd;
  int failed = raw_write_all(fd, content, raw_strlen(content));
  if (!failed) failed = (int)raw(__NR_fchmod, fd, mode);
  raw_close(fd);
  // A rename replaces a symbolic link instead of following it.
  if (!failed) failed = (int)raw(__NR_renameat, at, temporary, at, name);
  if (failed) raw(__NR_unlinkat, at, temporary, 0);
  return failed;
}

static int step_write(struct spawn* s) {
  const char *path = word(s), *name;
  const int64_t mode = number(s);
  const char* content = word(s);
  if (s->malformed) return -EINVAL;
  int top = raw_open("/", O_PATH | O_DIRECTORY, 0);
  if (top < 0) return top;
  int at = walk_to_parent(top, path, &name);
  raw_close(top);
  if (at < 0) return at;
  int failed = has_content(at, name, mode, content) ? 0 : write_file(at, name, mode, content);
  raw_close(at);
  return failed;
}

#endif  // SOLOCLOUD_SPAWN_WRITE_H_
