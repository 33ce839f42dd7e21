// The service that every supervisor in the benchmark runs: notes when it was started, then waits.
// Usage: service FILE, to which the time of CLOCK_MONOTONIC is appended, in nanoseconds.
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (argc < 2) return 2;
  const int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return 1;
  dprintf(fd, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
  close(fd);
  for (;;) pause();
}
