// The first code of solocloud that runs, before any library: chooses the role and does for the Node
// inside this file what the kernel does for a program of its own (execve(2), ld.so(8)).
// It is linked at an address that Node does not use, and never returns.
#include <linux/auxvec.h>
#include <linux/utsname.h>

#include "loader-elf.h"
#include "loader-life.h"

#define KERNEL_FLOOR_MAJOR 3  // OpenVZ 7 has 3.10
#define KERNEL_FLOOR_MINOR 10
#define DESCRIPTORS_MAX PARTS_MAX
#define AUXILIARY_MAX 64

int spawn_main(int argc, char** argv, char** envp);

// What the roles that share a small VPS with apps get, on top of the flags in bundle/node.ts.
#define SMALL \
  "--node-options=--v8-pool-size=1 --single-threaded --optimize-for-size --max-semi-space-size=1 "
#define ONE_THREAD "UV_THREADPOOL_SIZE=1"
// A socket's read takes 64 KiB: mapped, it goes back to the kernel when it is freed, instead of
// leaving a hole in the heap (mallopt(3), M_MMAP_THRESHOLD).
#define LARGE_BLOCKS "MALLOC_MMAP_THRESHOLD_=32768"

struct role {
  const char* name;
  int by_own_name;           // argv[0] chooses it too
  int lzma;                  // gets lzma-native
  const char* node_options;  // NULL: Node's own limits
  const char* threads;       // of libuv's pool
};

static const struct role roles[] = {
    {"cloud", 1, 1, 0, 0},
    {"init", 1, 0, SMALL "--max-old-space-size=64 --expose-gc", ONE_THREAD},
    {"halt", 1, 0, SMALL, ONE_THREAD},
    {"reboot", 1, 0, SMALL, ONE_THREAD},
    {"poweroff", 1, 0, SMALL, ONE_THREAD},
    {"install", 0, 0, SMALL, ONE_THREAD},
    // One thread decodes while the other writes; the heap holds the names of all members.
    {"unpack", 0, 1, SMALL "--max-old-space-size=128", "UV_THREADPOOL_SIZE=2"},
    {"spawn", 0, 0, 0, 0},
};
#define ROLE_COUNT (sizeof roles / sizeof *roles)

struct auxiliary {
  uint64_t type;
  uint64_t value;
};

// What the kernel left on the stack.
struct start {
  long argc;
  char** argv;
  char** envp;
  const struct auxiliary* auxv;
};

static struct start read_start(uintptr_t* stack) {
  struct start start = {(long)stack[0], (char**)(stack + 1), 0, 0};
  char** end = start.argv + start.argc;
  start.envp = ++end;
  while (*end) end++;
  start.auxv = (const struct auxiliary*)(end + 1);
  return start;
}

// Before anything opens a descriptor: the first ones that anybody opens must not become 0, 1 and 2.
static void open_standard_streams(const struct role* role) {
  const char* first = raw_streq(role->name, "init") ? "/dev/console" : "/dev/null";
  for (int fd = 0; fd <= 2; fd++) {
    if (raw(__NR_fcntl, fd, F_GETFD) != -EBADF) continue;
    long opened = raw(__NR_openat, AT_FDCWD, first, O_RDWR | O_NOCTTY);
    if (opened < 0) opened = raw(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR);
    if (opened < 0) opened = memory_file("stdio");
    if (opened < 0) raw_exit(LOADER_EXIT_STATUS);  // nowhere to say why
    raw(__NR_fcntl, fd, F_SETFD, 0);
  }
}

static void refuse_old_kernel(void) {
  struct new_utsname about;
  uint64_t number[2] = {0, 0};
  const char* p = about.release;
  raw(__NR_uname, &about);
  for (int i = 0; i < 2; i++, p += *p == '.')
    for (; *p >= '0' && *p <= '9'; p++) number[i] = number[i] * 10 + (uint64_t)(*p - '0');
  if (number[0] < KERNEL_FLOOR_MAJOR ||
      (number[0] == KERNEL_FLOOR_MAJOR && number[1] < KERNEL_FLOOR_MINOR))
    loader_fail("this kernel is older than Linux 3.10, the oldest that Node.js runs on", 0);
}

// The role, by our own name, else by the first word, which then is our name; else `cloud`.
static const struct role* choose_role(struct start* start) {
  const char* own = start->argc > 0 ? raw_base_name(start->argv[0]) : "";
  for (size_t i = 0; i < ROLE_COUNT; i++)
    if (roles[i].by_own_name && raw_streq(own, roles[i].name)) return &roles[i];
  for (size_t i = 0; i < ROLE_COUNT; i++) {
    if (start->argc < 2 || !raw_streq(start->argv[1], roles[i].name)) continue;
    start->argv++;
    start->argc--;
    return &roles[i];
  }
  return &roles[0];
}

// Whether a variable stays out of Node: it would change what ld.so, the C library or Node do, or it
// is one of ours that an earlier life left. A kernel command line can set any of them for PID 1.
static int is_ours_or_harmful(const char* variable) {
  static const char* const prefixes[] = {
      "LD_",
      "NODE_",
      "UV_",
      "MALLOC_",
      "GLIBC_TUNABLES=",
      "GCONV_PATH=",
      "LOCPATH=",
      "OPENSSL_",
      "SOLOCLOUD_ADDON=",
      "SOLOCLOUD_LZMA=",
      "SOLOCLOUD_LOADER=",
  };
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (raw_starts_with(variable, prefixes[i])) return 1;
  return 0;
}

// LD_PRELOAD and SOLOCLOUD_LOADER, the loader's two words to ld.so and to the shim (native/shim.c):
// "<role> <face> <addon> <lzma> <library>...": the address of a struct loader_face (0: the role has
// none), then descriptor numbers, -1 for a part that the role does not get.
static char preload[32 * PARTS_MAX];
static char for_shim[64 + 8 * PARTS_MAX];
static struct loader_face face = {.die = die, .become = become, .leave = leave};

static void open_libraries(int file, const struct role* role) {
  struct raw_text paths = raw_text_in(preload, sizeof preload);
  struct raw_text words = raw_text_in(for_shim, sizeof for_shim);
  int lzma = role->lzma ? part_descriptor(file, find_part(PART_LZMA)) : -1;
  raw_add(&words, "SOLOCLOUD_LOADER=");
  raw_add(&words, role->name);
  raw_add(&words, " ");
  raw_add_number(&words, face.life ? (int64_t)(uintptr_t)&face : 0);
  raw_add(&words, " ");
  raw_add_number(&words, part_descriptor(file, find_part(PART_ADDON)));
  raw_add(&words, " ");
  raw_add_number(&words, lzma);
  raw_add(&paths, "LD_PRELOAD=");
  for (uint32_t i = 0; i < table.count; i++) {
    if (table.parts[i].kind != PART_PRELOAD) continue;
    int fd = part_descriptor(file, &table.parts[i]);
    raw_add(&words, " ");
    raw_add_number(&words, fd);
    raw_add(&paths, "/proc/self/fd/");
    raw_add_number(&paths, fd);
    raw_add(&paths, ":");
  }
}

static uint64_t auxiliary_value(uint64_t type, uint64_t value, const struct image* node,
                                const struct image* interpreter) {
  switch (type) {
    case AT_PHDR:
      return node->program_headers;
    case AT_PHNUM:
      return node->header.e_phnum;
    case AT_ENTRY:
      return node->base + node->header.e_entry;
    case AT_BASE:
      return interpreter->base;
    default:
      return value;
  }
}

// The strings of argv, next to each other as the kernel lays them: libuv relies on it for the
// title.
static void copy_arguments(char* low, const struct start* start, const char* node_options,
                           uintptr_t** words) {
  for (long i = 0; i < start->argc; i++) {
    // Node would take it for its own, and a kernel command line reaches PID 1's arguments.
    if (i > 0 && raw_starts_with(start->argv[i], "--node-options=")) continue;
    size_t size = raw_strlen(start->argv[i]) + 1;
    *(*words)++ = (uintptr_t)memcpy(low, start->argv[i], size);
    low += size;
    if (i > 0 || !node_options) continue;
    size = raw_strlen(node_options) + 1;
    *(*words)++ = (uintptr_t)memcpy(low, node_options, size);
    low += size;
  }
}

// Bytes that the strings of argv take, with the one word more.
static size_t arguments_size(const struct start* start, const char* node_options) {
  size_t size = node_options ? raw_strlen(node_options) + 1 : 0;
  for (long i = 0; i < start->argc; i++) size += raw_strlen(start->argv[i]) + 1;
  return size;
}

// Lays Node's start below the kernel's, whose strings stay where they are, and returns its stack
// pointer. The running stack is another one, so nothing in use is overwritten.
static uintptr_t* build_stack(uintptr_t* kernel_stack, const struct start* start,
                              const struct role* role, const struct image* node,
                              const struct image* interpreter) {
  const char* ours[] = {preload, for_shim, role->threads, role->threads ? "MALLOC_ARENA_MAX=1" : 0,
                        role->threads ? LARGE_BLOCKS : 0};
  long variables = 0;
  while (start->envp[variables]) variables++;
  size_t words = 1 + (size_t)start->argc + 2 + (size_t)variables + sizeof ours / sizeof *ours + 1 +
                 2 * AUXILIARY_MAX;
  char* strings = (char*)kernel_stack - arguments_size(start, role->node_options);
  uintptr_t* stack = (uintptr_t*)(((uintptr_t)strings - words * sizeof(uintptr_t)) & ~15UL);
  uintptr_t* at = stack + 1;
  copy_arguments(strings, start, role->node_options, &at);
  stack[0] = (uintptr_t)(at - stack - 1);
  *at++ = 0;
  for (long i = 0; i < variables; i++)
    if (!is_ours_or_harmful(start->envp[i])) *at++ = (uintptr_t)start->envp[i];
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (ours[i]) *at++ = (uintptr_t)ours[i];
  *at++ = 0;
  const struct auxiliary* entry = start->auxv;
  for (int i = 0; entry->type != AT_NULL && i < AUXILIARY_MAX - 1; i++, entry++) {
    *at++ = entry->type;
    *at++ = auxiliary_value(entry->type, entry->value, node, interpreter);
  }
  *at++ = AT_NULL;
  *at++ = 0;
  return stack;
}

// rdx (x0 on arm64) is zero: ld.so's caller registers no exit function.
static _Noreturn void jump(uintptr_t entry, uintptr_t* stack) {
#if defined(__x86_64__)
  __asm__ volatile("mov %0, %%rsp\n xor %%edx, %%edx\n xor %%ebp, %%ebp\n jmp *%1"
                   :
                   : "r"(stack), "r"(entry)
                   : "memory", "rdx");
#else
  __asm__ volatile("mov sp, %0\n mov x0, xzr\n mov x29, xzr\n mov x30, xzr\n br %1"
                   :
                   : "r"(stack), "r"(entry)
                   : "memory", "x0");
#endif
  __builtin_unreachable();
}

static uintptr_t auxiliary_entry(const struct auxiliary* entry, uint64_t type) {
  for (; entry->type != AT_NULL; entry++)
    if (entry->type == type) return entry->value;
  return 0;
}

// Before anything else that could fail: from here on PID 1 survives what happens to it.
static void guard_life(const struct start* start) {
  pid1.argv = start->argv;  // argv[0] is `init`, whatever word chose the role
  pid1.envp = start->envp;
  pid1.path = (const char*)auxiliary_entry(start->auxv, AT_EXECFN);
  handle_deaths();
}

// Where the stack of a death looks for return addresses.
static void tell_life(const struct image* node) {
  pid1.base = node->base;
  pid1.text_start = node->base + node->text_start;
  pid1.text_end = node->base + node->text_end;
}

__attribute__((used)) static _Noreturn void loader_main(uintptr_t* kernel_stack) {
  static struct image node, interpreter;
  struct start start = read_start(kernel_stack);
  const struct role* role = choose_role(&start);
  if (raw_streq(role->name, "spawn"))
    raw_exit(spawn_main((int)start.argc - 1, start.argv + 1, start.envp));
  const int is_init = raw_streq(role->name, "init");
  page_size = auxiliary_entry(start.auxv, AT_PAGESZ);
  open_standard_streams(role);
  // It mounts, configures interfaces and ends what it finds: never on somebody's running system.
  if (is_init && raw(__NR_getpid) != 1)
    loader_fail("init runs only as process 1, where the kernel or a container starts it", 0);
  refuse_old_kernel();
  if (is_init) guard_life(&start);
  int file = open_self();
  close_inherited_on_exec();
  if (is_init) begin_life();
  face.life = pid1.life;
  face.life_fd = pid1.life_fd;
  read_table(file);
  open_libraries(file, role);
  map_image(file, find_part(PART_PROGRAM), &node);
  map_image(file, find_part(PART_INTERPRETER), &interpreter);
  raw_close(file);
  tell_life(&node);
  uintptr_t* stack = build_stack(kernel_stack, &start, role, &node, &interpreter);
  jump(interpreter.base + interpreter.header.e_entry, stack);
}

// The stack of everything above: Node's start is built where the kernel's stack has room.
__attribute__((used)) static char loader_stack[256 * 1024] __attribute__((aligned(16)));

#if defined(__x86_64__)
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  mov %rsp, %rdi\n"
    "  lea loader_stack+262144(%rip), %rsp\n"
    "  xor %ebp, %ebp\n"
    "  call loader_main\n");
#else
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  mov x0, sp\n"
    "  adrp x1, loader_stack\n"
    "  add x1, x1, :lo12:loader_stack\n"
    "  add x1, x1, #262144\n"
    "  mov sp, x1\n"
    "  bl loader_main\n");
#endif
