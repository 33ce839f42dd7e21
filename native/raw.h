// System calls and a handful of string helpers without a C library, for code that runs where none
// is mapped: the loader (before ld.so) and the spawn role. x86-64 and arm64. Only calls that both
// have are named anywhere (openat, not open), so a port adds nothing but this file's assembly.
//
// raw(__NR_x, ...) takes up to six integers or pointers and returns what the kernel does: -errno on
// failure. Compile with -ffreestanding -fno-stack-protector -fno-tree-loop-distribute-patterns.
#ifndef SOLOCLOUD_RAW_H_
#define SOLOCLOUD_RAW_H_

#include <asm/errno.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
static inline long raw6(long n, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "+a"(n)
                   : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return n;
}
#elif defined(__aarch64__)
static inline long raw6(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}
#else
#error "neither x86-64 nor arm64"
#endif

// raw(n, a, b): counts its arguments and fills the rest with zeros.
#define RAW_PICK(_0, _1, _2, _3, _4, _5, _6, name, ...) name
#define RAW0(n) raw6(n, 0, 0, 0, 0, 0, 0)
#define RAW1(n, a) raw6(n, (long)(a), 0, 0, 0, 0, 0)
#define RAW2(n, a, b) raw6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define RAW3(n, a, b, c) raw6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define RAW4(n, a, b, c, d) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define RAW5(n, a, b, c, d, e) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define RAW6(n, a, b, c, d, e, f) \
  raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define raw(...) RAW_PICK(__VA_ARGS__, RAW6, RAW5, RAW4, RAW3, RAW2, RAW1, RAW0)(__VA_ARGS__)

// The compiler itself calls these four, whatever the flags; weak, so that every unit may bring its
// own.
__attribute__((weak)) void* memcpy(void* to, const void* from, size_t n) {
  for (size_t i = 0; i < n; i++) ((char*)to)[i] = ((const char*)from)[i];
  return to;
}

__attribute__((weak)) void* memmove(void* to, const void* from, size_t n) {
  if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, n);
  for (size_t i = n; i > 0; i--) ((char*)to)[i - 1] = ((const char*)from)[i - 1];
  return to;
}

__attribute__((weak)) void* memset(void* to, int byte, size_t n) {
  for (size_t i = 0; i < n; i++) ((char*)to)[i] = (char)byte;
  return to;
}

__attribute__((weak)) int memcmp(const void* a, const void* b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < n; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

static inline size_t raw_strlen(const char* s) {
  size_t n = 0;
  while (s[n]) n++;
  return n;
}

static inline int raw_streq(const char* a, const char* b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static inline int raw_starts_with(const char* s, const char* prefix) {
  while (*prefix)
    if (*s++ != *prefix++) return 0;
  return 1;
}

// What follows the last slash.
static inline const char* raw_base_name(const char* path) {
  const char* base = path;
  for (; *path; path++)
    if (*path == '/') base = path + 1;
  return base;
}

// The whole of `s` in base 10 or 16 (lower-case) into *value: 0, or -EINVAL (empty, another
// character, overflow).
static inline int raw_parse_unsigned(const char* s, unsigned base, uint64_t* value) {
  uint64_t sum = 0;
  if (!*s) return -EINVAL;
  for (; *s; s++) {
    unsigned digit = *s >= '0' && *s <= '9'   ? (unsigned)(*s - '0')
                     : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10
                                              : 99;
    if (digit >= base || sum > (UINT64_MAX - digit) / base) return -EINVAL;
    sum = sum * base + digit;
  }
  *value = sum;
  return 0;
}

// A decimal number that may be negative: 0, or -EINVAL.
static inline int raw_parse_signed(const char* s, int64_t* value) {
  uint64_t size;
  int negative = *s == '-';
  if (raw_parse_unsigned(s + negative, 10, &size) || size > INT64_MAX) return -EINVAL;
  *value = negative ? -(int64_t)size : (int64_t)size;
  return 0;
}

// A text in a buffer of fixed size, always NUL-terminated. What does not fit is cut and counted in
// `lost`: who needs the text whole checks that.
struct raw_text {
  char* bytes;
  size_t size;  // of the buffer
  size_t length;
  size_t lost;
};

static inline struct raw_text raw_text_in(char* buffer, size_t size) {
  buffer[0] = 0;
  return (struct raw_text){buffer, size, 0, 0};
}

static inline void raw_add(struct raw_text* text, const char* s) {
  for (; *s; s++) {
    if (text->length + 1 < text->size) {
      text->bytes[text->length++] = *s;
      text->bytes[text->length] = 0;
    } else {
      text->lost++;
    }
  }
}

static inline void raw_add_number(struct raw_text* text, int64_t number) {
  char digits[24];
  char* p = digits + sizeof digits - 1;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  *p = 0;
  do {
    *--p = (char)('0' + rest % 10);
  } while (rest /= 10);
  if (number < 0) *--p = '-';
  raw_add(text, p);
}

// Writes all of it, through EINTR and short writes: 0 or -errno.
static inline int raw_write_all(int fd, const void* bytes, size_t n) {
  const char* p = bytes;
  while (n > 0) {
    long done = raw(__NR_write, fd, p, n);
    if (done == -EINTR) continue;
    if (done < 0) return (int)done;
    p += done;
    n -= (size_t)done;
  }
  return 0;
}

// Reads until the buffer is full or the file ends, through EINTR: the bytes read, or -errno.
static inline long raw_read_all(int fd, void* bytes, size_t size) {
  size_t n = 0;
  while (n < size) {
    long got = raw(__NR_read, fd, (char*)bytes + n, size - n);
    if (got == -EINTR) continue;
    if (got < 0) return got;
    if (got == 0) break;
    n += (size_t)got;
  }
  return (long)n;
}

// open(2), always close-on-exec.
static inline int raw_open(const char* path, int flags, unsigned mode) {
  return (int)raw(__NR_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static inline void raw_close(int fd) { raw(__NR_close, fd); }

static inline _Noreturn void raw_exit(int status) {
  for (;;) raw(__NR_exit_group, status);
}

#endif  // SOLOCLOUD_RAW_H_
