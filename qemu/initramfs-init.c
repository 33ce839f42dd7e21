// The initramfs' /init: loads the modules that the root disk needs, mounts the disk read-only and
// makes it the root, then becomes its /sbin/init, or what `init=` names, with the arguments and the
// environment that the kernel gave. A /proc goes along where `init=` does, as in a distribution's.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char kDisk[] = "/dev/vda";
enum { kDiskWaitMs = 10000, kDiskPollMs = 10 };

// PID 1 that ends is a kernel panic: the message before it is what the console shows.
static void Die(const char* what) {
  fprintf(stderr, "initramfs: %s: %s\n", what, strerror(errno));
  exit(1);
}

// Loads every file of /modules in the order of its name, and deletes it: the initramfs is memory.
static void LoadModules(void) {
  struct dirent** entries = NULL;
  const int count = scandir("/modules", &entries, NULL, alphasort);
  if (count < 0) Die("/modules");
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] == '.') continue;
    char path[300];
    snprintf(path, sizeof(path), "/modules/%s", entries[i]->d_name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) Die(path);
    if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) Die(path);
    close(fd);
    unlink(path);
  }
}

// A virtio disk appears a moment after its driver.
static void AwaitDisk(void) {
  for (int waited_ms = 0; access(kDisk, F_OK) != 0; waited_ms += kDiskPollMs) {
    if (waited_ms >= kDiskWaitMs) Die(kDisk);
    usleep(kDiskPollMs * 1000);
  }
}

// The path of the last `init=` of the kernel's command line; NULL without one.
static char* WantedInit(void) {
  static char line[4096];
  char* wanted = NULL;
  if (mount("proc", "/proc", "proc", 0, "") != 0) Die("mount /proc");
  const int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
  if (size < 0) Die("/proc/cmdline");
  close(fd);
  for (char* word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n"))
    if (strncmp(word, "init=", 5) == 0) wanted = word + 5;
  return wanted;
}

int main(int argc, char** argv, char** envp) {
  (void)argc;
  char* wanted = WantedInit();
  if (mount("devtmpfs", "/dev", "devtmpfs", 0, "") != 0) Die("mount /dev");
  LoadModules();
  AwaitDisk();
  if (mount(kDisk, "/root", "ext4", MS_RDONLY, "") != 0) Die("mount /dev/vda");
  // The new root's init mounts a /dev of its own.
  if (umount2("/dev", MNT_DETACH) != 0) Die("unmount /dev");
  if (wanted == NULL && umount2("/proc", MNT_DETACH) != 0) Die("unmount /proc");
  if (wanted != NULL && mount("/proc", "/root/proc", NULL, MS_MOVE, NULL) != 0) Die("move /proc");
  unlink("/init");
  // What switch_root(8) does: the disk's mount covers "/", and "/" is looked up again.
  if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0) Die("move the root");
  if (chroot(".") != 0 || chdir("/") != 0) Die("chroot");
  argv[0] = wanted != NULL ? wanted : "/sbin/init";
  if (wanted != NULL) printf("initramfs: %s is the init\n", wanted);
  fflush(stdout);
  execve(argv[0], argv, envp);
  Die(argv[0]);
}
