// Fuzz harness: the loader on a file that is damaged in any way. The input's first byte steers the
// kernel; the rest is the file, with its table of parts at the end (native/loader-parts.h). The
// loader may give up with its sentence; it must not touch what is not mapped, nor map over what is
// there.
#include <setjmp.h>
#include <string.h>

#include "fuzz-kernel.h"

#define LOADER_START 0x60000000UL  // bundle/natives.ts links it there.
#include "loader-elf.h"

// Of <sys/mman.h>, which does not go together with <linux/mman.h>.
void* mmap(void* address, size_t size, int protection, int flags, int fd, long at);
int munmap(void* address, size_t size);
int mprotect(void* address, size_t size, int protection);

enum { SELF_FD = 5, OTHER_FD = 6, PAGE = 4096, ROOM = 32 << 20, MAPPINGS_MAX = 128 };
static const uintptr_t RESERVED_AT = 0x20000000, LIBRARY_AT = 0x30000000;
static const uintptr_t TASK_SIZE = 0x7ffffffff000;

static struct {
  const uint8_t* bytes;
  size_t size;
  unsigned control;
  size_t reserved;  // Bytes at RESERVED_AT.
  struct {
    void* address;
    size_t size;
  } mappings[MAPPINGS_MAX];
  int count;
  size_t mapped;
} kernel;

static jmp_buf ended;

static size_t file_pages(void) { return (kernel.size + PAGE - 1) & ~(size_t)(PAGE - 1); }

static long read_at(void* to, size_t size, uint64_t at) {
  if (at > INT64_MAX) return -EINVAL;
  if (at >= kernel.size) return 0;
  if (size > kernel.size - at) size = kernel.size - at;
  memcpy(to, kernel.bytes + at, size);
  return (long)size;
}

// Really maps: the file's bytes where they are asked for; pages behind the file's end fault.
static long map_really(uintptr_t address, size_t size, int protection, int from_file, uint64_t at) {
  if (kernel.count == MAPPINGS_MAX || kernel.mapped + size > 2 * ROOM) return -ENOMEM;
  void* got = mmap((void*)address, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  MUST(got == (void*)address, "BUG: the harness has no room");
  kernel.mappings[kernel.count].address = got;
  kernel.mappings[kernel.count++].size = size;
  kernel.mapped += size;
  if (from_file) read_at(got, size, at);
  mprotect(got, size, protection & (PROT_READ | PROT_WRITE));
  size_t there = at < file_pages() ? file_pages() - at : 0;
  if (from_file && there < size) mprotect((char*)got + there, size - there, PROT_NONE);
  return (long)address;
}

static long map_fixed(uintptr_t address, size_t size, int protection, int from_file, uint64_t at) {
  const uintptr_t end = address + size;
  if (address < 65536) return -EPERM;
  MUST(end <= LOADER_START, "maps over the loader, or over what lies above it");
  if (kernel.reserved) {
    MUST(address >= RESERVED_AT && end <= RESERVED_AT + kernel.reserved,
         "maps outside the room that it has reserved");
  } else if (end > RESERVED_AT && address < LIBRARY_AT + ROOM) {
    return -ENOMEM;  // The harness's own.
  }
  return map_really(address, size, protection, from_file, at);
}

static long map_file(uintptr_t address, size_t size, int protection, int flags, int fd,
                     uint64_t at) {
  const int from_file = !(flags & MAP_ANONYMOUS);
  MUST(!from_file || fd == SELF_FD, "maps another file than itself");
  if (size == 0 || at % PAGE != 0 || address % PAGE != 0) return -EINVAL;
  if (size > TASK_SIZE || address > TASK_SIZE - size) return -ENOMEM;
  size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
  if (at + size < at) return -EOVERFLOW;
  if (flags & MAP_FIXED) return map_fixed(address, size, protection, from_file, at);
  if (size > ROOM) return -ENOMEM;
  if (from_file) return map_really(LIBRARY_AT, size, protection, 1, at);
  kernel.reserved = size;
  return map_really(RESERVED_AT, size, protection, 0, 0);
}

// write(2) of a page behind a mapped file's end is EFAULT, not a fault of the process.
static long write_out(const uint8_t* bytes, size_t size) {
  const uintptr_t at = (uintptr_t)bytes;
  if (at >= LIBRARY_AT && at < LIBRARY_AT + ROOM) return size > file_pages() ? -EFAULT : (long)size;
  fuzz_touch(bytes, size);
  return (long)size;
}

static long link_of_parent(char* to, size_t size) {
  char text[128];
  struct raw_text link = raw_text_in(text, sizeof text);
  raw_add(&link, "/memfd:");
  raw_add(&link, table.parts[0].name);
  raw_add(&link, " (deleted)");
  if (link.length < size) size = link.length;
  memcpy(to, text, size);
  return (long)size;
}

long raw6(long n, long a, long b, long c, long d, long e, long f) {
  switch (n) {
    case __NR_lseek:
      return (long)kernel.size;
    case __NR_pread64:
      return read_at((void*)b, (size_t)c, (uint64_t)d);
    case __NR_mmap:
      return map_file((uintptr_t)a, (size_t)b, (int)c, (int)d, (int)e, (uint64_t)f);
    case __NR_write:
      return write_out((const uint8_t*)b, (size_t)c);
    case __NR_getppid:
      return kernel.control & 1 ? 1 : 2;
    case __NR_readlinkat:
      return kernel.control & 2 ? link_of_parent((char*)c, (size_t)d) : -ENOENT;
    case __NR_fstat:
      memset((void*)b, 0, sizeof(struct stat));
      ((struct stat*)b)->st_size = kernel.control & 4 ? (long)table.parts[0].size : 1;
      return 0;
    case __NR_memfd_create:
      MUST(strlen((const char*)a) < 250, "a memory file with a long name");
      return kernel.control & 8 ? -ENOSYS : kernel.control & 16 ? -EINVAL : OTHER_FD;
    case __NR_openat:
      MUST(strlen((const char*)b) < 250, "a file with a long name");
      MUST(d == 0 || !strchr((const char*)b, '/'), "a file is made outside its directory");
      return OTHER_FD;
    case __NR_sysinfo:
      memset((void*)a, 0, sizeof(struct sysinfo));
      ((struct sysinfo*)a)->totalram = kernel.control & 32 ? 1 : 1UL << 30;
      ((struct sysinfo*)a)->mem_unit = 1;
      return 0;
    case __NR_exit_group:
      longjmp(ended, 1);
    default:
      return kernel.control & 64 ? -EPERM : 0;
  }
}

static void load(void) {
  static struct image node, interpreter;
  memset(&table, 0, sizeof table);
  memset(&node, 0, sizeof node);
  memset(&interpreter, 0, sizeof interpreter);
  read_table(SELF_FD);
  part_descriptor(SELF_FD, find_part(PART_LZMA));
  part_descriptor(SELF_FD, find_part(PART_ADDON));
  for (uint32_t i = 0; i < table.count; i++)
    if (table.parts[i].kind == PART_PRELOAD) part_descriptor(SELF_FD, &table.parts[i]);
  map_image(SELF_FD, find_part(PART_PROGRAM), &node);
  kernel.reserved = 0;
  map_image(SELF_FD, find_part(PART_INTERPRETER), &interpreter);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  memset(&kernel, 0, sizeof kernel);
  kernel.control = data[0];
  kernel.bytes = data + 1;
  kernel.size = size - 1;
  if (!setjmp(ended)) load();
  for (int i = 0; i < kernel.count; i++)
    munmap(kernel.mappings[i].address, kernel.mappings[i].size);
  return 0;
}
