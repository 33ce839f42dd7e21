// What PID 1 owes the machine at any moment of its loader: children reaped, the watchdog fed, time.
#ifndef SOLOCLOUD_LOADER_PID1_H_
#define SOLOCLOUD_LOADER_PID1_H_

#include <asm/signal.h>
#include <asm/stat.h>
#include <linux/reboot.h>
#include <linux/time.h>
#include <linux/wait.h>

#include "life.h"
#include "loader-fail.h"

#define PID_NAMESPACE_OF_THE_KERNEL 4026531836UL  // PROC_PID_INIT_INO of include/linux/proc_ns.h

static struct {
  struct life* life;  // NULL until it is there
  int life_fd;
  char** argv;  // the kernel's own, for the next life
  char** envp;
  const char* path;                     // AT_EXECFN, for when /proc is not there
  uint64_t text_start, text_end, base;  // of Node, where return addresses point to
  int dying;                            // the thread that is, by its number
} pid1 = {.life_fd = -1};

static uint64_t clock_ms(int clock) {
  struct timespec now = {0, 0};
  raw(__NR_clock_gettime, clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(uint64_t ms) {
  struct timespec left = {(long)(ms / 1000), (long)(ms % 1000) * 1000000};
  raw(__NR_nanosleep, &left, 0);
}

// Machine-wide acts: only as PID 1 of the kernel's own pid namespace (native/guard.h has the same).
// The loader gives these functions to nobody but the role init.
static int owns_machine(void) {
  struct stat about;
  return raw(__NR_getpid) == 1 && !raw(__NR_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &about, 0) &&
         about.st_ino == PID_NAMESPACE_OF_THE_KERNEL;
}

static void feed_watchdog(void) {
  if (pid1.life && pid1.life->watchdog_fd >= 0) raw(__NR_write, pid1.life->watchdog_fd, "", 1);
}

// Zombies don't wait for the next life. What is known of a child stays in the record.
static void reap_children(void) {
  int status;
  long pid;
  while ((pid = raw(__NR_wait4, -1, &status, WNOHANG, 0)) > 0)
    if (pid1.life && life_note_end(pid1.life, (int)pid, status) < 0) pid1.life->orphans++;
}

// Sleeps while the rest of PID 1's duties are done.
static void wait_ms(uint64_t ms) {
  const uint64_t until = clock_ms(CLOCK_MONOTONIC) + ms;
  for (;;) {
    uint64_t now = clock_ms(CLOCK_MONOTONIC);
    reap_children();
    feed_watchdog();
    if (now >= until) return;
    sleep_ms(until - now < 100 ? until - now : 100);
  }
}

static _Noreturn void restart_machine(unsigned command, int container_status) {
  if (owns_machine()) raw(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, 0);
  raw_exit(container_status);
}

// Waits for every child of ours at most so long: 1 when there is none left.
static int wait_for_children(uint64_t ms) {
  const uint64_t until = clock_ms(CLOCK_MONOTONIC) + ms;
  while (clock_ms(CLOCK_MONOTONIC) < until) {
    long pid = raw(__NR_wait4, -1, 0, WNOHANG, 0);
    if (pid == -ECHILD) return 1;
    if (pid == 0) sleep_ms(10);
    feed_watchdog();
  }
  return 0;
}

#endif  // SOLOCLOUD_LOADER_PID1_H_
