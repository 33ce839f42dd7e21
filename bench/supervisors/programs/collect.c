// The floor of the fork storm: a PID 1 that does nothing but wait for its children. What tini does,
// without signals. Usage: collect PROGRAM WORDS...
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  while (waitpid(-1, NULL, 0) > 0) continue;
  return 0;
}
