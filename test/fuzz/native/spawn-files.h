// What native/spawn.c sees of files, in the harness spawn-plan.c: answers out of the input, and the
// rules for every path and descriptor.
#ifndef SOLOCLOUD_SPAWN_FILES_H_
#define SOLOCLOUD_SPAWN_FILES_H_

#include <errno.h>
#include <string.h>

#include "fuzz-kernel.h"

// The kernel's numbers and layouts of x86-64, as the C library's headers do not go with them.
#include <asm/unistd.h>
#include <linux/fcntl.h>
struct kernel_stat {
  uint64_t dev, ino, nlink;
  uint32_t mode, uid, gid, pad;
  uint64_t rdev;
  int64_t size, rest[11];
};

enum { WORDS_MAX = 256, FDS_MAX = 1 << 16, APP = 77, AT_CWD = -100 };
static const uint64_t INITIAL_PID_NAMESPACE = 4026531836;
static const uint32_t MODES[] = {0040755, 0100644, 0120777, 0020666, 0010600, 0};
static const int ERRORS[] = {EPERM, ENOENT, EINTR,  EACCES, EEXIST, ENOTDIR, EINVAL,
                             ELOOP, ENODEV, ENOSPC, EBADF,  EFAULT, ENOSYS,  ECHILD};

static struct {
  const uint8_t *answer, *answers_end, *file, *file_end;
  size_t read;  // Bytes of the file that is open.
  int fd, opened_path, cloned, pid, own_namespace, forwarded, steps;
  void* memory;  // What one mmap gave.
} kernel;

static unsigned answer(void) { return kernel.answer < kernel.answers_end ? *kernel.answer++ : 0; }

// 0, or -errno for an odd answer.
static long refusal(void) {
  const unsigned byte = answer();
  return byte & 1 ? -ERRORS[(byte >> 1) % (sizeof ERRORS / sizeof *ERRORS)] : 0;
}

static size_t length(long text) {
  const size_t size = strlen((const char*)text);
  fuzz_touch((const char*)text, size + 1);
  return size;
}

static void must_be_a_name(long at, long name) {
  const char* text = (const char*)name;
  MUST(length(name) < 4096, "a path without an end");
  if (at == AT_CWD) return;
  MUST(*text && !strchr(text, '/') && strcmp(text, ".."), "a path leads out of its directory");
}

static long open_file(long at, long path, long flags) {
  must_be_a_name(at, path);
  MUST(flags & O_CLOEXEC, "a descriptor that the app would inherit");
  MUST(at == AT_CWD || flags & O_NOFOLLOW, "a link of the app would be followed");
  const long failed = refusal();
  if (failed) return failed;
  kernel.read = 0;
  kernel.opened_path = (flags & O_PATH) != 0;
  kernel.fd = kernel.fd == FDS_MAX ? 4 : kernel.fd + 1;
  return kernel.fd;
}

static long fill_stat(struct kernel_stat* stat) {
  const long failed = refusal();
  if (failed) return failed;
  const unsigned byte = answer();
  memset(stat, 0, sizeof *stat);
  stat->mode = byte ? MODES[byte % (sizeof MODES / sizeof *MODES)] : MODES[!kernel.opened_path];
  stat->size = byte & 64 ? 1 << 21 : kernel.file_end - kernel.file;
  stat->dev = byte >> 7;
  stat->rdev = byte & 32 ? 0x103 : 0;
  return 0;
}

static long stat_path(long at, long path, long to) {
  struct kernel_stat* stat = (struct kernel_stat*)to;
  MUST(length(path) < 4096, "a path without an end");
  const long failed = fill_stat(stat);
  if (at == AT_CWD && !strcmp((const char*)path, "/proc/self/ns/pid")) {
    const int initial = !failed && (stat->mode & 0100000);
    stat->ino = initial ? INITIAL_PID_NAMESPACE : 5;
    kernel.own_namespace = !failed && !initial;
  }
  return failed;
}

static long read_file(void* to, size_t size) {
  const unsigned byte = answer();
  if (byte == 1) return -EINTR;
  if (byte == 2) return -EIO;
  size_t left = (size_t)(kernel.file_end - kernel.file) - kernel.read;
  if (byte > 2 && size > byte) size = byte;
  if (size > left) size = left;
  memcpy(to, kernel.file + kernel.read, size);
  kernel.read += size;
  return (long)size;
}

static long write_file(const char* bytes, size_t size) {
  const unsigned byte = answer();
  fuzz_touch(bytes, size);
  if (byte == 1) return -EINTR;
  if (byte == 2) return -ENOSPC;
  return byte > 2 && byte < size ? byte : (long)size;
}

// As getdents64(2) of /proc/self/fd: whole entries.
static long list_directory(char* to, size_t size) {
  static const char* const names[] = {".", "3", "4", "17", "18446744073709551616", "x", ""};
  size_t used = 0;
  for (unsigned count = answer() % 8; count > 0 && used + 64 <= size; count--) {
    const char* name = names[answer() % (sizeof names / sizeof *names)];
    const unsigned short entry = (unsigned short)((19 + strlen(name) + 8) & ~7U);
    memset(to + used, 0, entry);
    memcpy(to + used + 16, &entry, sizeof entry);
    strcpy(to + used + 19, name);
    used += entry;
  }
  return (long)used;
}

static long files(long n, long a, long b, long c, long d) {
  switch (n) {
    case __NR_openat:
      return open_file(a, b, c);
    case __NR_newfstatat:
      return stat_path(a, b, c);
    case __NR_fstat:
      return fill_stat((struct kernel_stat*)b);
    case __NR_read:
      return read_file((void*)b, (size_t)c);
    case __NR_write:
      return write_file((const char*)b, (size_t)c);
    case __NR_getdents64:
      return list_directory((char*)b, (size_t)c);
    case __NR_readlinkat:
      must_be_a_name(a, b);
      return refusal() ? -ENOENT : read_file((void*)c, (size_t)d);
    case __NR_linkat:
      must_be_a_name(c, d);
      return refusal();
    case __NR_renameat:
      must_be_a_name(c, d);
      must_be_a_name(a, b);
      return refusal();
    case __NR_symlinkat:
      must_be_a_name(b, c);
      return refusal();
    case __NR_mkdirat:
    case __NR_mknodat:
    case __NR_unlinkat:
      must_be_a_name(a, b);
      return refusal();
    default:
      return refusal();
  }
}

#endif  // SOLOCLOUD_SPAWN_FILES_H_
