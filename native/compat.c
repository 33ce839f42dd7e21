// Lets Node 24 run on Linux 3.10: getrandom(2) came with 3.17, and Node, OpenSSL and libstdc++ take
// its absence for a machine without randomness. Preloaded in front of the C library, alone
// (compat.so, in an app's image) or as a part of the shim.
#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GETENTROPY_MAX 256  // getentropy(3)
#define UUID_LENGTH 36

// A descriptor kept for when the path is out of sight (a chroot). What it was is remembered,
// because a program that closes every descriptor may open something else under its number.
static int kept = -1;
static struct stat kept_as;

__attribute__((constructor)) void compat_open_entropy(void) {
  char byte;
  if (kept >= 0) return;
  if (syscall(SYS_getrandom, &byte, 1, GRND_NONBLOCK) >= 0 || errno != ENOSYS) return;
  kept = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  // At boot /dev may be empty, /proc is not: it has the same generator in another shape.
  if (kept < 0) kept = open("/proc/sys/kernel/random/uuid", O_RDONLY | O_CLOEXEC);
  if (kept >= 0) fstat(kept, &kept_as);
}

static int is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// 15 random bytes of a version 4 UUID (RFC 9562): without its fixed version and variant digits.
static ssize_t read_uuid(int fd, unsigned char* to, size_t size) {
  char text[UUID_LENGTH];
  size_t digits = 0;
  if (pread(fd, text, sizeof text, 0) != UUID_LENGTH) return -1;
  memset(to, 0, size);
  for (size_t i = 0; i < sizeof text && digits / 2 < size; i++) {
    if (i == 14 || i == 19 || !is_hex(text[i])) continue;
    unsigned value = text[i] <= '9' ? (unsigned)(text[i] - '0') : (unsigned)(text[i] - 'a') + 10;
    to[digits / 2] = (unsigned char)(to[digits / 2] << 4 | value);
    digits++;
  }
  return (ssize_t)(digits / 2);
}

static int fill(int fd, unsigned char* to, size_t size) {
  struct stat now;
  if (fstat(fd, &now)) return -1;
  while (size > 0) {
    ssize_t got = S_ISCHR(now.st_mode) ? read(fd, to, size) : read_uuid(fd, to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    to += got;
    size -= (size_t)got;
  }
  return 0;
}

static int fill_from_file(void* to, size_t size) {
  struct stat now;
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    int failed = fill(fd, to, size);
    close(fd);
    return failed;
  }
  if (kept < 0 || fstat(kept, &now) || now.st_dev != kept_as.st_dev || now.st_ino != kept_as.st_ino)
    return -1;
  return fill(kept, to, size);
}

ssize_t getrandom(void* to, size_t size, unsigned flags) {
  ssize_t got = syscall(SYS_getrandom, to, size, flags);
  if (got >= 0 || errno != ENOSYS) return got;
  if (!fill_from_file(to, size)) return (ssize_t)size;
  errno = ENOSYS;
  return -1;
}

int getentropy(void* to, size_t size) {
  unsigned char* at = to;
  if (size > GETENTROPY_MAX) {
    errno = EIO;
    return -1;
  }
  while (size > 0) {
    ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    at += got;
    size -= (size_t)got;
  }
  return 0;
}
