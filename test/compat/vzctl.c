// `vzctl`: becomes /sbin/init below the working directory, started as OpenVZ's vzctl starts a
// container's (exec_container_init in its source): by the name `init` with these arguments, no
// environment but these two, and stdio on the container's /dev/null. Without that it stays closed.
// `vzctl pivoted`: the old root lies on the working directory (pivot_root(2)), and goes first.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define FDS_MAX 1024

int main(int argc, char** words) {
  char* const argv[] = {"init", "-z", "      ", NULL};
  char* const envp[] = {"HOME=/", "TERM=linux", NULL};
  if (argc > 1 && strcmp(words[1], "pivoted") == 0 && umount2(".", MNT_DETACH)) {
    perror("old root");
    return 71;
  }
  if (chroot(".") || chdir("/")) {
    perror("chroot");
    return 71;
  }
  for (int fd = 0; fd < FDS_MAX; fd++) close(fd);
  if (open("/dev/null", O_RDWR) == 0) {
    dup2(0, 1);
    dup2(0, 2);
  }
  execve("/sbin/init", argv, envp);
  return 72;
}
