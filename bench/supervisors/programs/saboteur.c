// Makes PID 1 of a virtual machine fault, and tells on the console what is left of it afterwards.
// The kernel starts this as the first process (rdinit=/saboteur): it leaves a child behind and
// becomes the program that /next names, one word a line. kill(2) can't do it: the kernel ignores a
// signal to PID 1 without a handler, so the child sets PID 1's program counter to 0 with ptrace(2).
// That is a fault of its own, as a wild jump is one.
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
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const char kService[] = "/bin/service";
static const char kProc[] = "/saboteur-proc";
enum {
  kAppearS = 180,
  kSettleS = 5,
  kAfterS = 10,
  kRestartS = 10,
  kWordsMax = 16,
};

static void Die(const char* what) {
  printf("saboteur: %s: %s\n", what, strerror(errno));
  exit(1);
}

static ssize_t ReadFile(const char* path, char* text, size_t size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t length = read(fd, text, size - 1);
  close(fd);
  if (length >= 0) text[length] = 0;
  return length;
}

// The process's state and parent as proc_pid_stat(5) has them; 0 when there is none.
static char StateOf(int pid, int* parent) {
  char path[100];
  char text[512];
  snprintf(path, sizeof(path), "%s/%d/stat", kProc, pid);
  if (ReadFile(path, text, sizeof(text)) <= 0) return 0;
  const char* end = strrchr(text, ')');  // The name before it may hold anything.
  char state = 0;
  if (end == NULL || sscanf(end + 1, " %c %d", &state, parent) != 2) return 0;
  return state;
}

// The command line's words, with their NULs; 0 for a zombie.
static size_t WordsOf(int pid, char* words, size_t size) {
  char path[100];
  snprintf(path, sizeof(path), "%s/%d/cmdline", kProc, pid);
  const ssize_t length = ReadFile(path, words, size);
  return length <= 0 ? 0 : (size_t)length;
}

// Calls `matches` for every process and returns the pid of the first that does, or 0.
static int Find(int (*matches)(int pid)) {
  DIR* proc = opendir(kProc);
  if (proc == NULL) Die(kProc);
  int found = 0;
  for (struct dirent* entry = readdir(proc); entry != NULL && found == 0; entry = readdir(proc)) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    const int pid = atoi(entry->d_name);
    if (matches(pid)) found = pid;
  }
  closedir(proc);
  return found;
}

static int IsService(int pid) {
  char words[256];
  return WordsOf(pid, words, sizeof(words)) > 0 && strcmp(words, kService) == 0;
}

static int IsLeftZombie(int pid) {
  int parent = 0;
  return StateOf(pid, &parent) == 'Z' && parent == 1;
}

// What the service has counted to: its first argument names the file, in its own root. 0: nothing
// yet.
static int CountOf(int pid) {
  char path[600];
  char words[256];
  char text[32];
  const size_t length = WordsOf(pid, words, sizeof(words));
  const size_t first = length == 0 ? 0 : strlen(words) + 1;
  if (first >= length) return 0;
  snprintf(path, sizeof(path), "%s/%d/root%s", kProc, pid, words + first);
  return ReadFile(path, text, sizeof(text)) <= 0 ? 0 : atoi(text);
}

// A service that counts, other than `old`; 0 when there is none within `seconds`.
static int AwaitService(int old, int seconds) {
  for (int tries = 0; tries < seconds * 5; tries++) {
    const int pid = Find(IsService);
    if (pid != 0 && pid != old && CountOf(pid) > 0) return pid;
    usleep(200 * 1000);
  }
  return 0;
}

static void Fault(void) {
  struct user_regs_struct registers;
  if (ptrace(PTRACE_SEIZE, 1, NULL, NULL) != 0) Die("seize");
  if (ptrace(PTRACE_INTERRUPT, 1, NULL, NULL) != 0) Die("interrupt");
  int status = 0;
  if (waitpid(1, &status, __WALL) != 1 || !WIFSTOPPED(status)) Die("wait for PID 1");
  if (ptrace(PTRACE_GETREGS, 1, NULL, &registers) != 0) Die("read the registers");
  registers.rip = 0;
  registers.orig_rax = (unsigned long long)-1;  // No system call is to be restarted.
  if (ptrace(PTRACE_SETREGS, 1, NULL, &registers) != 0) Die("write the registers");
  printf("saboteur: PID 1 jumps to 0\n");
  if (ptrace(PTRACE_DETACH, 1, NULL, NULL) != 0) Die("detach");
}

// True when an orphan that ends now does not stay a zombie.
static int IsReaping(void) {
  const pid_t parent = fork();
  if (parent == 0) {
    if (fork() == 0) {
      usleep(500 * 1000);
    }
    _exit(0);
  }
  waitpid(parent, NULL, 0);
  sleep(3);
  return Find(IsLeftZombie) == 0;
}

static void Sabotage(void) {
  const int service = AwaitService(0, kAppearS);
  if (service == 0) Die("no service");
  sleep(kSettleS);
  printf("saboteur: before: reaping=%d\n", IsReaping());
  Fault();
  sleep(kAfterS);
  const int before = CountOf(service);
  sleep(2);
  const int counting = CountOf(service) > before;
  const int reaping = IsReaping();
  kill(service, SIGKILL);
  const int restarted = AwaitService(service, kRestartS) != 0;
  printf("saboteur: after: counting=%d reaping=%d restarting=%d\n", counting, reaping, restarted);
  printf("saboteur: done\n");
  for (;;) pause();
}

static void BecomeNext(char** envp) {
  static char text[1024];
  if (ReadFile("/next", text, sizeof(text)) <= 0) Die("/next");
  char* words[kWordsMax + 1] = {NULL};
  int count = 0;
  for (char* word = strtok(text, "\n"); word != NULL && count < kWordsMax;
       word = strtok(NULL, "\n"))
    words[count++] = word;
  // A root that is the peer's own has these; the initramfs of a machine with a disk mounts them
  // itself.
  if (mount("proc", "/proc", "proc", 0, "") == 0) mount("devtmpfs", "/dev", "devtmpfs", 0, "");
  execve(words[0], words, envp);
  Die(words[0]);
}

int main(int argc, char** argv, char** envp) {
  (void)argc;
  (void)argv;
  setvbuf(stdout, NULL, _IONBF, 0);
  if (getpid() != 1) return 2;
  mkdir(kProc, 0700);
  const pid_t child = fork();
  if (child < 0) Die("fork");
  if (child != 0) BecomeNext(envp);
  setsid();
  // Mounts of its own, which PID 1 neither sees nor changes.
  if (unshare(CLONE_NEWNS) != 0) Die("unshare");
  if (mount("proc", kProc, "proc", 0, "") != 0) Die("mount");
  Sabotage();
}
