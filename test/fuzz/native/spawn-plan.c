// Fuzz harness: the role `spawn` (native/spawn.c) with hostile plans, accounts and answers of the
// kernel. Every system call ends here and does nothing; what a plan must never do is checked.
// Input: the plan's words, each with a NUL; byte 1; the environment's; byte 255; one byte for each
// answer (0 is the usual one); byte 255; the bytes of every file that is read.
#include <setjmp.h>
#include <stdlib.h>

#include "spawn-files.h"

int spawn_main(int argc, char** argv, char** envp);

static jmp_buf ended;

static long send_signal(long pid, long signal) {
  if (pid == -1) {
    MUST(signal == 9 && kernel.pid == 1 && kernel.own_namespace,
         "a signal to every process of the machine");
    return 0;
  }
  MUST(kernel.cloned && pid == APP, "a signal to a process that is not the app");
  MUST(++kernel.forwarded < 4096, "an init that never ends");
  return 0;
}

static long wait_for(long pid, int* status) {
  MUST(pid == -1 && kernel.cloned, "it waits for what it has not started");
  const unsigned byte = kernel.answer < kernel.answers_end ? answer() : APP;
  if (kernel.cloned == 2 || byte == 1) return -ECHILD;
  if (byte == 2) return 0;
  if (byte == APP) kernel.cloned = 2;
  if (status) *status = byte == APP ? (int)answer() << 8 : 9;
  return byte ? byte : 3;
}

static long mount_there(long source, long target, long type, long flags, long data) {
  if (source) length(source);
  if (type) length(type);
  if (data) length(data);
  const long change = 1UL << 18;  // MS_PRIVATE
  const char* text = (const char*)target;
  const int through_descriptor = !strncmp(text, "/proc/self/fd/", 14);
  const int whole_tree = !strcmp(text, "/") && flags & change;
  const int onto_itself = source && !strcmp((const char*)source, text);
  MUST(through_descriptor || whole_tree || onto_itself, "a mount through a path of the app's");
  return refusal();
}

static long map_memory(size_t size) {
  const long failed = refusal();
  if (failed) return failed;
  free(kernel.memory);
  kernel.memory = calloc(1, size);
  return (long)kernel.memory;
}

static long start(long path, char** argv, char** envp) {
  MUST(length(path) < 4096 && argv[0][0], "a program without a name");
  for (; *argv; argv++) length((long)*argv);
  for (; *envp; envp++) length((long)*envp);
  const long failed = refusal();
  if (!failed) longjmp(ended, 1);
  return failed;
}

static long split(void) {
  const unsigned byte = answer();
  if (byte & 1) return -EAGAIN;
  kernel.cloned = !(byte & 2);
  return byte & 2 ? 0 : APP;
}

long raw6(long n, long a, long b, long c, long d, long e, long f) {
  (void)f;
  MUST(n == __NR_close || ++kernel.steps < 100000, "a plan that never ends");
  switch (n) {
    case __NR_exit_group:
      longjmp(ended, 1);
    case __NR_execve:
      return start(a, (char**)b, (char**)c);
    case __NR_clone:
      return split();
    case __NR_kill:
      return send_signal(a, b);
    case __NR_wait4:
      return wait_for(a, (int*)b);
    case __NR_mount:
      return mount_there(a, b, c, d, e);
    case __NR_mmap:
      return map_memory((size_t)b);
    case __NR_getpid:
      return kernel.pid = answer() & 1 ? 4000 : 1;
    case __NR_rt_sigtimedwait:
      return (long)(answer() % 65) - 1;
    case __NR_close:
      return 0;
    case __NR_prlimit64:
      if (d) ((uint64_t*)d)[0] = ((uint64_t*)d)[1] = 64;
      return c ? refusal() : 0;
    case __NR_fcntl:
      return b == 1030 /* F_DUPFD_CLOEXEC */ ? 9 : refusal();
    case __NR_setresgid:
    case __NR_setresuid:
      MUST((uint32_t)a != UINT32_MAX, "an id that means \"unchanged\"");
      return refusal();
    case __NR_setgroups:
      for (long i = 0; i < a; i++) MUST(((uint32_t*)b)[i] != UINT32_MAX, "a group that is none");
      return refusal();
    case __NR_pipe2:
      ((int*)a)[0] = 10;
      ((int*)a)[1] = 11;
      return refusal();
    case __NR_munmap:
      free(kernel.memory);
      kernel.memory = NULL;
      return 0;
    default:
      return files(n, a, b, c, d);
  }
}

// Words as the kernel lays them out, each in memory of its own, so that a byte too far is seen.
static int split_words(const uint8_t* from, const uint8_t* to, char** words) {
  int count = 0;
  while (from < to && count < WORDS_MAX) {
    const uint8_t* end = memchr(from, 0, (size_t)(to - from));
    if (!end) end = to;
    const size_t size = (size_t)(end - from);
    words[count] = malloc(size + 1);
    memcpy(words[count], from, size);
    words[count++][size] = 0;
    from = end < to ? end + 1 : to;
  }
  words[count] = NULL;
  return count;
}

static const uint8_t* find(const uint8_t* from, const uint8_t* to, int byte) {
  const uint8_t* found = from < to ? memchr(from, byte, (size_t)(to - from)) : NULL;
  return found ? found : to;
}

static const uint8_t* after(const uint8_t* at, const uint8_t* end) {
  return at < end ? at + 1 : end;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static char *words[WORDS_MAX + 1], *envp[WORDS_MAX + 1];
  static char* given[WORDS_MAX + 1];
  const uint8_t *end = data + size, *plan_end = find(data, end, 255);
  const uint8_t* words_end = find(data, plan_end, 1);
  memset(&kernel, 0, sizeof kernel);
  kernel.fd = 3;
  kernel.answer = after(plan_end, end);
  kernel.answers_end = find(kernel.answer, end, 255);
  kernel.file = after(kernel.answers_end, end);
  kernel.file_end = end;
  const int count = split_words(data, words_end, words);
  const int variables = split_words(after(words_end, plan_end), plan_end, envp);
  memcpy(given, envp, sizeof given);  // spawn.c puts a HOME= of its own into envp.
  if (!setjmp(ended)) spawn_main(count, words, envp);
  free(kernel.memory);
  for (int i = 0; i < count; i++) free(words[i]);
  for (int i = 0; i < variables; i++) free(given[i]);
  return 0;
}
