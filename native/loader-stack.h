// Node's start: the stack that it finds, as the kernel would have laid it (System V ABI, "Process
// Initialization").
#ifndef SOLOCLOUD_LOADER_STACK_H_
#define SOLOCLOUD_LOADER_STACK_H_

#include <linux/auxvec.h>

#include "loader-elf.h"

#define AUXILIARY_MAX 64
#define VARIABLES_MAX 5

// What Node gets beside what the kernel left. NULL: nothing.
struct additions {
  const char* node_options;
  const char* variables[VARIABLES_MAX];
};

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

static uintptr_t auxiliary_entry(const struct auxiliary* entry, uint64_t type) {
  for (; entry->type != AT_NULL; entry++)
    if (entry->type == type) return entry->value;
  return 0;
}

static struct start read_start(uintptr_t* stack) {
  struct start start = {(long)stack[0], (char**)(stack + 1), 0, 0};
  char** end = start.argv + start.argc;
  start.envp = ++end;
  while (*end) end++;
  start.auxv = (const struct auxiliary*)(end + 1);
  return start;
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
                              const struct additions* added, const struct image* node,
                              const struct image* interpreter) {
  long variables = 0;
  while (start->envp[variables]) variables++;
  size_t words =
      1 + (size_t)start->argc + 2 + (size_t)variables + VARIABLES_MAX + 1 + 2 * AUXILIARY_MAX;
  char* strings = (char*)kernel_stack - arguments_size(start, added->node_options);
  uintptr_t* stack = (uintptr_t*)(((uintptr_t)strings - words * sizeof(uintptr_t)) & ~15UL);
  uintptr_t* at = stack + 1;
  copy_arguments(strings, start, added->node_options, &at);
  stack[0] = (uintptr_t)(at - stack - 1);
  *at++ = 0;
  for (long i = 0; i < variables; i++)
    if (!is_ours_or_harmful(start->envp[i])) *at++ = (uintptr_t)start->envp[i];
  for (size_t i = 0; i < VARIABLES_MAX; i++)
    if (added->variables[i]) *at++ = (uintptr_t)added->variables[i];
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

#endif  // SOLOCLOUD_LOADER_STACK_H_
