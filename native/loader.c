// The first code of solocloud that runs, before any library: chooses the role and does for the Node
// inside this file what the kernel does for a program of its own (execve(2), ld.so(8)).
// It is linked at an address that Node does not use, and never returns.
#include <linux/utsname.h>

#include "loader-elf.h"
#include "loader-life.h"
#include "loader-stack.h"

#define KERNEL_FLOOR_MAJOR 3  // OpenVZ 7 has 3.10
#define KERNEL_FLOOR_MINOR 10
#define DESCRIPTORS_MAX PARTS_MAX

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

enum { CLOUD, INIT };  // the first two of:
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

// What a kernel starts under a name that is no role's (init=/sbin/solocloud). In a container it is
// a program like any other.
static int is_first_process(void) {
  struct stat about;
  if (raw(__NR_getpid) != 1) return 0;
  if (!raw(__NR_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &about, 0))
    return about.st_ino == PID_NAMESPACE_OF_THE_KERNEL;
  // A /proc in which we are not is another namespace's. Without one it can't be told.
  return raw(__NR_newfstatat, AT_FDCWD, "/proc/cmdline", &about, 0) < 0;
}

// The role, by our own name, else by the first word, which then is our name, else by who starts us;
// else `cloud`.
static const struct role* choose_role(struct start* start) {
  static char init[] = "init";
  const char* own = start->argc > 0 ? raw_base_name(start->argv[0]) : "";
  for (size_t i = 0; i < ROLE_COUNT; i++)
    if (roles[i].by_own_name && raw_streq(own, roles[i].name)) return &roles[i];
  for (size_t i = 0; i < ROLE_COUNT; i++) {
    if (start->argc < 2 || !raw_streq(start->argv[1], roles[i].name)) continue;
    start->argv++;
    start->argc--;
    return &roles[i];
  }
  if (!is_first_process()) return &roles[CLOUD];
  start->argv[0] = init;  // whatever a later life can tell
  return &roles[INIT];
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

// Before anything else that could fail: from here on PID 1 survives what happens to it.
static void guard_life(const struct start* start) {
  pid1.argv = start->argv;  // argv[0] is `init`, whatever chose the role
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
  const struct additions added = {
      role->node_options,
      {preload, for_shim, role->threads, role->threads ? "MALLOC_ARENA_MAX=1" : 0,
       role->threads ? LARGE_BLOCKS : 0}};
  uintptr_t* stack = build_stack(kernel_stack, &start, &added, &node, &interpreter);
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
