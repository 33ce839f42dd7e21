// Leaves orphans to the PID 1 of the pid namespace that it runs in, and waits until no zombie is
// left there. Usage: storm ORPHANS PARENTS. Each of PARENTS processes, one after another, starts
// its share of the orphans and ends without waiting for them: with as many parents as orphans these
// are double forks, as a daemon does it; with one parent, all of them are handed over in one
// moment. Prints three times in nanoseconds: from the start until no zombie is left, from the last
// parent's end until then, and that end on CLOCK_MONOTONIC. Exits with 3 when zombies stay for 20
// s.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPollNs = 50 * 1000, kWaitS = 20 };

static long long Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void Die(const char* what) {
  fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
  exit(1);
}

static char parent_stack[64 * 1024] __attribute__((aligned(16)));
static char orphan_stack[64 * 1024] __attribute__((aligned(16)));
static volatile pid_t last_orphan;

// Shares our memory and runs while we wait, as after vfork: a fraction of what fork costs, so that
// reaping has a larger part in what is measured.
static pid_t Start(int (*run)(void*), char* stack, size_t size, void* argument) {
  return clone(run, stack + size, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
}

static int Orphan(void* argument) {
  (void)argument;
  return 0;
}

static int Parent(void* argument) {
  const int* count = argument;
  for (int i = 0; i < *count; i++) {
    const pid_t orphan = Start(Orphan, orphan_stack, sizeof(orphan_stack), NULL);
    if (orphan < 0) return 1;
    last_orphan = orphan;
  }
  return 0;
}

static void LeaveOrphans(int count) {
  const pid_t parent = Start(Parent, parent_stack, sizeof(parent_stack), &count);
  if (parent < 0) Die("clone");
  int status = 0;
  if (waitpid(parent, &status, 0) != parent || status != 0) Die("an orphan was not started");
}

static char StateOf(const char* pid) {
  char path[300];
  char text[512];
  snprintf(path, sizeof(path), "/proc/%s/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;  // It has just gone.
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = 0;
  // The name before it may hold anything.
  const char* end = strrchr(text, ')');
  return end == NULL ? 0 : end[2];
}

static int ZombieIsThere(void) {
  DIR* proc = opendir("/proc");
  if (proc == NULL) Die("/proc");
  int found = 0;
  for (struct dirent* entry = readdir(proc); entry != NULL && !found; entry = readdir(proc)) {
    found = isdigit((unsigned char)entry->d_name[0]) && StateOf(entry->d_name) == 'Z';
  }
  closedir(proc);
  return found;
}

// The last orphan is asked for first, because reading /proc disturbs who reaps.
static void AwaitNone(void) {
  const long long late = Now() + kWaitS * 1000000000LL;
  const struct timespec pause = {0, kPollNs};
  while (kill(last_orphan, 0) == 0 || ZombieIsThere()) {
    if (Now() > late) exit(3);
    nanosleep(&pause, NULL);
  }
}

int main(int argc, char** argv) {
  const int orphans = argc > 2 ? atoi(argv[1]) : 0;
  const int parents = argc > 2 ? atoi(argv[2]) : 0;
  if (orphans < 1 || parents < 1 || orphans % parents != 0) return 2;
  const long long start = Now();
  for (int i = 0; i < parents; i++) LeaveOrphans(orphans / parents);
  const long long handed_over = Now();
  AwaitNone();
  const long long end = Now();
  printf("%lld %lld %lld\n", end - start, end - handed_over, handed_over);
  return 0;
}
