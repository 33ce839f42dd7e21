// A part of the shim: keeps what the loader has installed against deaths (native/loader-death.h) in
// the role init, whatever Node, V8, libuv or the C library do about signals, threads and ends.
// Each function here goes before the C library's own and calls it, except where it must not.
#define _GNU_SOURCE
#include "survive.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALTERNATE_STACK_BYTES (32 * 1024)  // AVX-512 and AMX state alone take 11 KiB

typedef int sigaction_function(int, const struct sigaction*, struct sigaction*);
typedef int mask_function(int, const sigset_t*, sigset_t*);
typedef int create_function(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

static const struct loader_face* face;

__attribute__((visibility("default"))) const struct loader_face* solocloud_loader_face(void) {
  return face;
}

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
#define FATAL_COUNT (sizeof fatal / sizeof *fatal)

static int is_fatal(int number) {
  for (size_t i = 0; i < FATAL_COUNT; i++)
    if (fatal[i] == number) return 1;
  return 0;
}

static void* next_in_line(const char* name) {
  void* function = dlsym(RTLD_NEXT, name);
  if (!function) abort();  // The C library has every one of them.
  return function;
}

// Node sets every signal to its default when it starts, and V8 installs handlers of its own.
int sigaction(int number, const struct sigaction* action, struct sigaction* old) {
  static sigaction_function* real;
  if (!real) real = next_in_line("sigaction");
  return real(number, face && is_fatal(number) ? NULL : action, old);
}

// A fault while its signal is blocked is the kernel's end of the process.
static const sigset_t* without_fatal(int how, const sigset_t* set, sigset_t* copy) {
  if (!face || !set || how == SIG_UNBLOCK) return set;
  *copy = *set;
  for (size_t i = 0; i < FATAL_COUNT; i++) sigdelset(copy, fatal[i]);
  return copy;
}

int sigprocmask(int how, const sigset_t* set, sigset_t* old) {
  static mask_function* real;
  sigset_t copy;
  if (!real) real = next_in_line("sigprocmask");
  return real(how, without_fatal(how, set, &copy), old);
}

int pthread_sigmask(int how, const sigset_t* set, sigset_t* old) {
  static mask_function* real;
  sigset_t copy;
  if (!real) real = next_in_line("pthread_sigmask");
  return real(how, without_fatal(how, set, &copy), old);
}

struct thread {
  void* (*run)(void*);
  void* argument;
  void* stack;
};

static void free_thread(void* given) {
  struct thread* thread = given;
  const stack_t none = {.ss_flags = SS_DISABLE};
  sigaltstack(&none, NULL);
  munmap(thread->stack, ALTERNATE_STACK_BYTES);
  free(thread);
}

// An overflow of its stack leaves a thread nothing to run a handler on but another stack.
static void* run_thread(void* given) {
  struct thread* thread = given;
  void* result;
  const stack_t alternate = {.ss_sp = thread->stack, .ss_size = ALTERNATE_STACK_BYTES};
  sigaltstack(&alternate, NULL);
  pthread_cleanup_push(free_thread, thread);
  result = thread->run(thread->argument);
  pthread_cleanup_pop(1);
  return result;
}

int pthread_create(pthread_t* id, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) {
  static create_function* real;
  if (!real) real = next_in_line("pthread_create");
  if (!face) return real(id, attributes, run, argument);
  struct thread* thread = malloc(sizeof *thread);
  if (!thread) return EAGAIN;
  thread->run = run;
  thread->argument = argument;
  thread->stack =
      mmap(NULL, ALTERNATE_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int error = thread->stack == MAP_FAILED ? EAGAIN : real(id, attributes, run_thread, thread);
  if (!error) return 0;
  if (thread->stack != MAP_FAILED) munmap(thread->stack, ALTERNATE_STACK_BYTES);
  free(thread);
  return error;
}

static void end_of_life(const char* how, int status) {
  char text[32];
  snprintf(text, sizeof text, "status %d", status);
  face->die(how, text);
}

// Whoever ends PID 1 for good does it through the face's `leave`.
void exit(int status) {
  if (face) end_of_life("exit", status);
  void (*real)(int) __attribute__((noreturn)) = next_in_line("exit");
  real(status);
}

void _exit(int status) {
  if (face) end_of_life("_exit", status);
  void (*real)(int) __attribute__((noreturn)) = next_in_line("_exit");
  real(status);
}

void _Exit(int status) { _exit(status); }

void quick_exit(int status) {
  if (face) end_of_life("quick_exit", status);
  void (*real)(int) __attribute__((noreturn)) = next_in_line("quick_exit");
  real(status);
}

// The return of main(), which ends in the C library's own exit.
static void at_exit(void) { face->die("the end of main()", NULL); }

void survive(const struct loader_face* given) {
  if (!given) return;
  face = given;
  atexit(at_exit);
}
