// The parts that travel behind the loader in one file, and how a part becomes a descriptor.
// The table is the file's last 4096 bytes; bundle/table.ts writes it and has the same layout.
#ifndef SOLOCLOUD_LOADER_PARTS_H_
#define SOLOCLOUD_LOADER_PARTS_H_

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "loader-proc.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U  // Linux 6.3
#endif
#define ST_NOEXEC_FLAG 8  // statfs(2): ST_NOEXEC

#define PARTS_MAGIC "solocloud parts"
#define PARTS_MAX 63
#define TABLE_SIZE 4096

enum part_kind {
  PART_DATA = 0,         // for JavaScript alone (bundle/payload.ts)
  PART_PROGRAM = 1,      // Node with the bundle inside, mapped
  PART_INTERPRETER = 2,  // ld.so, mapped
  PART_PRELOAD = 3,      // a library that ld.so gets by LD_PRELOAD, in the table's order
  PART_ADDON = 4,
  PART_LZMA = 5,  // only for the roles that decode or encode images
};

struct part {
  char name[40];
  uint32_t kind;
  uint32_t reserved;
  uint64_t offset;  // from the start of the file, a multiple of 65536
  uint64_t size;
};

struct part_table {
  char magic[16];
  uint32_t count;
  uint32_t reserved[11];
  struct part parts[PARTS_MAX];
};
_Static_assert(sizeof(struct part_table) == TABLE_SIZE, "bundle/table.ts has this layout");

static struct part_table table;

// Whether `size` bytes from `at` on are all among the first `whole`.
static int lies_within(uint64_t at, uint64_t size, uint64_t whole) {
  return at <= whole && size <= whole - at;
}

static void read_table(int self) {
  long size = raw(__NR_lseek, self, 0, 2 /* SEEK_END */);
  if (size > TABLE_SIZE) raw(__NR_pread64, self, &table, TABLE_SIZE, size - TABLE_SIZE);
  if (!raw_streq(table.magic, PARTS_MAGIC) || table.count > PARTS_MAX)
    loader_fail("this file is cut short or damaged: copy it again", 0);
  for (uint32_t i = 0; i < table.count; i++) {
    const struct part* part = &table.parts[i];
    if (!lies_within(part->offset, part->size, (uint64_t)size) ||
        part->name[sizeof part->name - 1] || raw_base_name(part->name) != part->name)
      loader_fail("this file is damaged: its list of parts is wrong", 0);
  }
}

static const struct part* find_part(enum part_kind kind) {
  for (uint32_t i = 0; i < table.count; i++)
    if (table.parts[i].kind == kind) return &table.parts[i];
  loader_fail("this file is damaged: a part of it is missing", 0);
}

// A directory for files that never show: a tmpfs mounted over /proc and detached again at once, so
// that only the returned descriptor leads to it; or, without the right to mount, the first place
// that allows execution.
static int scratch_directory(void) {
  static const char* const places[] = {"/dev/shm", "/run", "/tmp", "/var/tmp"};
  if (!may_mount() &&
      !raw(__NR_mount, "tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700")) {
    int fd = raw_open("/proc", O_RDONLY | O_DIRECTORY, 0);
    raw(__NR_umount2, "/proc", 2 /* MNT_DETACH */);
    if (fd >= 0) return fd;
  }
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    struct statfs about;
    int fd = raw_open(places[i], O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) continue;
    if (!raw(__NR_fstatfs, fd, &about) && !(about.f_flags & ST_NOEXEC_FLAG) &&
        !raw(__NR_faccessat, fd, ".", 3 /* W_OK | X_OK */))
      return fd;
    raw_close(fd);
  }
  return -ENOENT;
}

// An empty file without a name, where the kernel has no memfd (before Linux 3.17).
static int unlinked_file(const char* name) {
  static int directory = -1;
  char path[80];
  struct raw_text text = raw_text_in(path, sizeof path);
  if (directory < 0 && (directory = scratch_directory()) < 0) return directory;
  raw_add(&text, ".solocloud-");
  raw_add_number(&text, raw(__NR_getpid));
  raw_add(&text, "-");
  raw_add(&text, name);
  int fd = (int)raw(__NR_openat, directory, path,
                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) raw(__NR_unlinkat, directory, path, 0);
  return fd;
}

static int memory_file(const char* name) {
  long fd = raw(__NR_memfd_create, name, MFD_CLOEXEC | MFD_EXEC);
  if (fd == -EINVAL) fd = raw(__NR_memfd_create, name, MFD_CLOEXEC);
  return fd < 0 ? unlinked_file(name) : (int)fd;
}

// A new version's self-test is PID 1's child too, in another file with other libraries.
static int parent_is_our_init(void) {
  struct stat ours, its;
  return raw(__NR_getppid) == 1 && !raw(__NR_newfstatat, AT_FDCWD, "/proc/self/exe", &ours, 0) &&
         !raw(__NR_newfstatat, AT_FDCWD, "/proc/1/exe", &its, 0) && ours.st_dev == its.st_dev &&
         ours.st_ino == its.st_ino;
}

// The memory file that PID 1 keeps of this part, when it is our parent: its child in the role
// unpack runs the same file, and on the smallest machine a second copy of the libraries is memory
// that it needs. -1 when there is none.
static int file_of_parent(const struct part* part) {
  char wanted[80], path[40], target[80];
  struct raw_text text = raw_text_in(wanted, sizeof wanted);
  if (!parent_is_our_init()) return -1;
  raw_add(&text, "/memfd:");
  raw_add(&text, part->name);
  raw_add(&text, " (deleted)");
  for (int fd = 3; fd < 3 + 2 * PARTS_MAX; fd++) {
    text = raw_text_in(path, sizeof path);
    raw_add(&text, "/proc/1/fd/");
    raw_add_number(&text, fd);
    long size = raw(__NR_readlinkat, AT_FDCWD, path, target, sizeof target - 1);
    if (size < 0) continue;
    target[size] = 0;
    struct stat about;
    int found = raw_streq(target, wanted) ? raw_open(path, O_RDONLY, 0) : -1;
    if (found < 0) continue;
    if (!raw(__NR_fstat, found, &about) && (uint64_t)about.st_size == part->size) return found;
    raw_close(found);
  }
  return -1;
}

// A part as a file of its own: its close-on-exec descriptor.
static int part_descriptor(int self, const struct part* part) {
  int fd = file_of_parent(part);
  if (fd >= 0) return fd;
  fd = memory_file(part->name);
  if (fd < 0) loader_fail("no memory file could be made for the libraries", fd);
  long at = raw(__NR_mmap, 0, part->size, PROT_READ, MAP_PRIVATE, self, part->offset);
  if (at < 0 && at > -4096) loader_fail("cannot map a library", at);
  int error = raw_write_all(fd, (void*)at, part->size);
  if (error) loader_fail("cannot copy a library into memory", error);
  raw(__NR_munmap, at, part->size);
  return fd;
}

#endif  // SOLOCLOUD_LOADER_PARTS_H_
