// An app that says what came of system calls newer than Linux 3.10, one a line, and then waits.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void try_call(const char* name, long number) {
  // None of these calls does anything with such arguments.
  long result = syscall(number, -1, -1, 0, 0, -1, -1);
  printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "known");
}

int main(void) {
  try_call("getrandom", SYS_getrandom);
  try_call("memfd_create", SYS_memfd_create);
  try_call("renameat2", SYS_renameat2);
  try_call("execveat", SYS_execveat);
  try_call("copy_file_range", SYS_copy_file_range);
  try_call("statx", SYS_statx);
  try_call("clone3", SYS_clone3);
  try_call("close_range", SYS_close_range);
  try_call("pidfd_open", SYS_pidfd_open);
  fflush(stdout);
  for (;;) pause();
}
