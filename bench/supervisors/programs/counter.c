// The service of the crash test: counts in a file, five times a second, so that one sees whether it
// runs. Usage: counter FILE
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kPeriodUs = 200 * 1000 };

int main(int argc, char** argv) {
  if (argc < 2 || strlen(argv[1]) >= PATH_MAX) return 2;
  char path[PATH_MAX];
  strcpy(path, argv[1]);
  mkdir(dirname(path), 0755);  // Some inits mount an empty /run first.
  const int fd = open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return 1;
  for (int count = 1;; count++) {
    char text[16];
    const int length = snprintf(text, sizeof(text), "%010d\n", count);
    if (pwrite(fd, text, (size_t)length, 0) != length) return 1;
    usleep(kPeriodUs);
  }
}
