// The app of the spawn tests, static: it prints what it sees of itself, or does what its first word
// says.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static void print_file(const char* label, const char* path) {
  char text[4096];
  int fd = open(path, O_RDONLY);
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[size < 0 ? 0 : size] = 0;
  for (char* p = text; *p; p++)
    if (*p == '\n') *p = '|';
  printf("%s %s\n", label, size < 0 ? strerror(errno) : text);
}

static void print_signals(void) {
  unsigned long mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, sizeof mask);
  printf("mask %lx\n", mask);
  for (int signal = 1; signal <= 64; signal++) {
    unsigned long action[4] = {0};
    syscall(SYS_rt_sigaction, signal, NULL, action, sizeof mask);
    if (action[0]) printf("disposition %d %lx\n", signal, action[0]);
  }
}

static void print_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  unsigned long bounding = 0, ambient = 0;
  syscall(SYS_capget, &header, data);
  for (int cap = 0; cap < 64; cap++) {
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) bounding |= 1UL << cap;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1) ambient |= 1UL << cap;
  }
  printf("permitted %x%08x\n", data[1].permitted, data[0].permitted);
  printf("effective %x%08x\n", data[1].effective, data[0].effective);
  printf("inheritable %x%08x\n", data[1].inheritable, data[0].inheritable);
  printf("bounding %lx\nambient %lx\n", bounding, ambient);
  printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void print_identity(void) {
  uid_t real, effective, saved;
  gid_t groups[64], real_group, effective_group, saved_group;
  getresuid(&real, &effective, &saved);
  getresgid(&real_group, &effective_group, &saved_group);
  printf("uid %u %u %u\n", real, effective, saved);
  printf("gid %u %u %u\n", real_group, effective_group, saved_group);
  int count = getgroups(64, groups);
  printf("groups");
  for (int i = 0; i < count; i++) printf(" %u", groups[i]);
  printf("\n");
}

static void print_devices(void) {
  DIR* directory = opendir("/dev");
  struct dirent* entry;
  while (directory && (entry = readdir(directory))) {
    struct stat status;
    char path[300], link[256] = "";
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/dev/%s", entry->d_name);
    if (lstat(path, &status)) continue;
    if (S_ISLNK(status.st_mode)) {
      ssize_t size = readlink(path, link, sizeof link - 1);
      link[size < 0 ? 0 : size] = 0;
    }
    printf("dev %s %o %u:%u %s\n", entry->d_name, status.st_mode, major(status.st_rdev),
           minor(status.st_rdev), link);
  }
  if (directory) closedir(directory);
}

static void use_devices(void) {
  char byte = 1;
  int fd = open("/dev/zero", O_RDWR);
  int size = (int)read(fd, &byte, 1);
  printf("zero %d %d\n", size, byte);
  close(fd);
  fd = open("/dev/full", O_WRONLY);
  size = (int)write(fd, "x", 1);
  printf("full %d %s\n", size, strerror(errno));
  close(fd);
  fd = open("/dev/null", O_WRONLY);
  printf("null %d\n", (int)write(fd, "x", 1));
  close(fd);
  fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  printf("ptmx %s\n", fd < 0 ? strerror(errno) : "open");
  if (fd >= 0) close(fd);
}

static void print_process(void) {
  char directory[4096];
  struct utsname names;
  mode_t mask = umask(0);
  uname(&names);
  printf("pid %d\nppid %d\nleads_session %d\nleads_group %d\n", getpid(), getppid(),
         getsid(0) == getpid(), getpgrp() == getpid());
  printf("umask %o\ncwd %s\nhostname %s\n", mask, getcwd(directory, sizeof directory),
         names.nodename);
  for (int fd = 0; fd < 1024; fd++)
    if (fcntl(fd, F_GETFD) >= 0) printf("fd %d\n", fd);
  for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    printf("rlimit %d %ld %ld\n", resource, (long)limit.rlim_cur, (long)limit.rlim_max);
  }
}

static void print_access(const char* path) {
  printf("write %s %s\n", path, access(path, W_OK) ? strerror(errno) : "allowed");
}

static int probe(int argc, char** argv) {
  for (int i = 0; i < argc; i++) printf("argv %s\n", argv[i]);
  for (char** word = environ; *word; word++) printf("env %s\n", *word);
  print_process();
  print_signals();
  print_capabilities();
  print_identity();
  print_devices();
  use_devices();
  print_file("oom_score_adj", "/proc/self/oom_score_adj");
  print_file("resolv.conf", "/etc/resolv.conf");
  print_file("hosts", "/etc/hosts");
  print_file("init", "/proc/1/comm");
  print_file("mounts", "/proc/self/mounts");
  print_access("/proc");
  print_access("/proc/self/oom_score_adj");
  print_access("/proc/sys/kernel/hostname");
  print_access("/sys");
  printf("chroot %s\n", chroot("/") ? strerror(errno) : "allowed");
  printf("mknod %s\n", mknod("/disk", S_IFBLK, makedev(8, 0)) ? strerror(errno) : "allowed");
  return 0;
}

// Each of `count` children leaves an orphan that ends at once; then counts the zombies in sight.
static int orphans(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit(fork() < 0 ? 1 : 0);
    int status;
    waitpid(child, &status, 0);
    if (status != 0) return 1;
  }
  for (int tries = 0; tries < 500; tries++) {
    int others = 0;
    DIR* directory = opendir("/proc");
    struct dirent* entry;
    while ((entry = readdir(directory))) {
      int pid = atoi(entry->d_name);
      if (pid > 1 && pid != getpid()) others++;
    }
    closedir(directory);
    if (others == 0) {
      printf("no one is left\n");
      return 0;
    }
    usleep(10000);
  }
  return 2;
}

static volatile sig_atomic_t last_signal;
static void on_signal(int signal) { last_signal = signal; }

// Prints every signal that arrives, until SIGTERM.
static int signals(void) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP)
      sigaction(signal, &(struct sigaction){.sa_handler = on_signal}, NULL);
  printf("ready\n");
  fflush(stdout);
  while (last_signal != SIGTERM) {
    sigsuspend(&none);
    printf("signal %d\n", last_signal);
    fflush(stdout);
  }
  return 7;
}

// A daemon in a session of its own holds stdout; the main process ends.
static int daemonise(void) {
  if (fork() == 0) {
    setsid();
    signal(SIGTERM, SIG_IGN);
    if (fork() == 0) pause();
    pause();
  }
  usleep(50000);
  printf("main ends\n");
  return 3;
}

int main(int argc, char** argv) {
  const char* act = argc > 1 ? argv[1] : "probe";
  if (!strcmp(act, "orphans")) return orphans(atoi(argv[2]));
  if (!strcmp(act, "signals")) return signals();
  if (!strcmp(act, "daemonise")) return daemonise();
  if (!strcmp(act, "exit")) return atoi(argv[2]);
  if (!strcmp(act, "raise")) return raise(atoi(argv[2]));
  if (!strcmp(act, "stderr")) {
    int fd = open("/dev/stderr", O_WRONLY);
    printf("stderr %s\n", fd < 0 ? strerror(errno) : "open");
    return 0;
  }
  return probe(argc, argv);
}
