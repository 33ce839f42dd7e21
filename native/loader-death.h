// How a life of PID 1 ends: whatever happened, in any thread, in as few steps as possible, with
// system calls alone. Every other program's answer to this is a kernel panic.
#ifndef SOLOCLOUD_LOADER_DEATH_H_
#define SOLOCLOUD_LOADER_DEATH_H_

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <linux/uio.h>

#include "loader-next-life.h"

#define SIGNAL_TRIAL 62       // real-time: neither Node nor glibc uses it
#define STACK_WORDS_MAX 2048  // looked through for return addresses

struct kernel_action {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

// The place for this death: a free one, else that of the oldest.
static struct life_death* place_for_death(struct life* life) {
  struct life_death* oldest = life->deaths;
  for (int i = 0; i < LIFE_DEATHS; i++) {
    if (!life->deaths[i].life) return &life->deaths[i];
    if (life->deaths[i].life < oldest->life) oldest = &life->deaths[i];
  }
  return oldest;
}

// What of the stack looks like a return address into Node. Read by the kernel for us, so that a
// stack that is not there is no second fault.
static void look_through_stack(struct life_death* death, uint64_t from) {
  static uint64_t words[STACK_WORDS_MAX];
  struct iovec here = {words, sizeof words}, there = {(void*)(from & ~7UL), sizeof words};
  long size = raw(__NR_process_vm_readv, raw(__NR_getpid), &here, 1, &there, 1, 0);
  for (long i = 0; i < size / 8 && death->frames < LIFE_FRAMES; i++)
    if (words[i] >= pid1.text_start && words[i] < pid1.text_end)
      death->stack[death->frames++] = words[i] - pid1.base;
}

static void note_death(struct life_death facts, const char* reason, const char* note,
                       uint64_t stack) {
  struct life* life = pid1.life;
  if (!life) return;
  struct life_death* death = place_for_death(life);
  struct raw_text text;
  facts.at_ms = clock_ms(CLOCK_REALTIME);
  facts.uptime_ms = clock_ms(CLOCK_MONOTONIC) - life->boot_ms;
  facts.thread = (int)raw(__NR_gettid);
  *death = facts;
  text = raw_text_in(death->reason, sizeof death->reason);
  raw_add(&text, reason);
  text = raw_text_in(death->text, sizeof death->text);
  if (note) raw_add(&text, note);
  if (stack) look_through_stack(death, stack);
  // Last: before, this place is free.
  __atomic_store_n(&death->life, life->lives, __ATOMIC_RELEASE);
}

// One thread dies; the others wait for the end that execve(2) makes of them. False in a fault of
// the very code that ends a life: then there is no report.
static int dies_first(void) {
  int nobody = 0, thread = (int)raw(__NR_gettid);
  if (__atomic_compare_exchange_n(&pid1.dying, &nobody, thread, 0, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return 1;
  while (nobody != thread) sleep_ms(RETRY_MS_MAX);
  return 0;
}

static _Noreturn void die(const char* reason, const char* note) {
  const struct life_death facts = {.instruction = (uint64_t)__builtin_return_address(0)};
  if (dies_first()) note_death(facts, reason, note, (uint64_t)__builtin_frame_address(0));
  next_life();
}

static const char* fatal_name(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGILL:
      return "SIGILL";
    case SIGFPE:
      return "SIGFPE";
    case SIGABRT:
      return "SIGABRT";
    case SIGTRAP:
      return "SIGTRAP";
    default:
      return "SIGSYS";
  }
}

static void on_fatal_signal(int signal, siginfo_t* info, void* context) {
  const struct ucontext* at = context;
#if defined(__x86_64__)
  const uint64_t instruction = at->uc_mcontext.rip, stack = at->uc_mcontext.rsp;
#else
  const uint64_t instruction = at->uc_mcontext.pc, stack = at->uc_mcontext.sp;
#endif
  struct life_death facts = {
      .address = (uint64_t)info->si_addr,
      .instruction = instruction,
      .signal = signal,
      .code = info->si_code,
  };
  if (info->si_code <= 0) facts.address = 0;  // Sent by somebody: these bytes are its pid.
  // A child that shares our memory until its exec is not us.
  if (raw(__NR_getpid) != 1) raw_exit(128 + signal);
  if (dies_first()) note_death(facts, fatal_name(signal), 0, stack);
  next_life();
}

// The new file has had its time, and JavaScript has not said that it works.
static void on_trial_end(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info, (void)context;
  if (!pid1.life || pid1.life->upgrade != LIFE_TRIAL) return;
  if (dies_first()) {
    note_death((struct life_death){0}, "upgrade not confirmed", 0, 0);
    go_back("it did not answer within its time");
  }
  next_life();
}

#if defined(__x86_64__)
__asm__("signal_return:\n  mov $15, %eax\n  syscall\n");  // rt_sigreturn(2)
void signal_return(void);
#define RESTORER signal_return
#define SA_RESTORER_FLAG 0x04000000UL
#else
#define RESTORER 0
#define SA_RESTORER_FLAG 0
#endif

static void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  // SA_NODEFER: a fault in the handler is a fault again, not the kernel's end of us.
  const struct kernel_action action = {
      handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | SA_RESTORER_FLAG, RESTORER, 0};
  raw(__NR_rt_sigaction, signal, &action, 0, KERNEL_MASK_BYTES);
}

static void handle_deaths(void) {
  static char stack[64 * 1024] __attribute__((aligned(16)));
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
  const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  raw(__NR_sigaltstack, &alternate, 0);
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) handle(fatal[i], on_fatal_signal);
}

#endif  // SOLOCLOUD_LOADER_DEATH_H_
