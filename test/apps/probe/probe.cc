// The tests' app: an HTTP server whose paths make it misbehave, or tell what it sees from inside.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

using std::string;

static string Outcome(long result) { return result >= 0 ? "allowed" : strerrorname_np(errno); }

static string TryUnix(const char* path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const string outcome =
      Outcome(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
  close(fd);
  return outcome;
}

static string TryPort(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const string outcome =
      Outcome(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
  close(fd);
  return outcome;
}

static string TryOpen(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC);
  const string outcome = Outcome(fd);
  if (fd >= 0) close(fd);
  return outcome;
}

static string TryMake(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const string outcome = Outcome(fd);
  if (fd >= 0) close(fd), unlink(path);
  return outcome;
}

// The oldest way out: a chroot below the working directory, then upwards.
static string TryChrootEscape() {
  mkdir("/escape", 0700);
  // In a child: where it is allowed, it changes what every later path means.
  const pid_t child = fork();
  if (child == 0) _exit(chroot("/escape") == 0 ? 0 : errno);
  int status = 0;
  waitpid(child, &status, 0);
  rmdir("/escape");
  return WEXITSTATUS(status) == 0 ? "allowed" : strerrorname_np(WEXITSTATUS(status));
}

static string TryDisk() {
  const string node = "/stolen-disk";
  if (mknod(node.c_str(), S_IFBLK | 0600, makedev(254, 0)) != 0) return Outcome(-1);
  const string outcome = TryOpen(node.c_str(), O_RDONLY);
  unlink(node.c_str());
  return outcome;
}

// Each line: what was tried, a tab, and "allowed" or the error's name. Nothing here harms a machine
// even where it is allowed: files are opened, never written.
static string TryToManage() {
  std::ostringstream lines;
  lines << "socket\t" << TryUnix("/run/solocloud/manage.sock") << "\n"
        << "proc-root\t" << TryUnix("/proc/1/root/run/solocloud/manage.sock") << "\n"
        << "run-directory\t" << TryMake("/run/solocloud/made") << "\n"
        << "port\t" << TryPort(5678) << "\n"
        << "init-memory\t" << TryOpen("/proc/1/mem", O_RDWR) << "\n"
        << "init-environment\t" << TryOpen("/proc/1/environ", O_RDONLY) << "\n"
        << "sysrq\t" << TryOpen("/proc/sysrq-trigger", O_WRONLY) << "\n"
        << "core-pattern\t" << TryOpen("/proc/sys/kernel/core_pattern", O_WRONLY) << "\n"
        << "kernel-memory\t" << TryOpen("/proc/kcore", O_RDONLY) << "\n"
        << "sys\t" << TryOpen("/sys/kernel/uevent_helper", O_WRONLY) << "\n"
        << "chroot\t" << TryChrootEscape() << "\n"
        << "mount\t" << Outcome(mount("none", "/tmp", "tmpfs", 0, "")) << "\n"
        << "disk\t" << TryDisk() << "\n"
        << "trace\t" << Outcome(ptrace(PTRACE_ATTACH, getppid() ? getppid() : 1, 0, 0)) << "\n";
  return lines.str();
}

// What this process was given: one fact a line.
static string Inherited() {
  std::ostringstream lines;
  DIR* descriptors = opendir("/proc/self/fd");
  while (const dirent* entry = descriptors ? readdir(descriptors) : nullptr) {
    if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(descriptors))
      lines << "fd " << entry->d_name << "\n";
  }
  if (descriptors) closedir(descriptors);
  std::ifstream environment("/proc/self/environ"), status("/proc/self/status");
  for (string word; std::getline(environment, word, '\0');) lines << "env " << word << "\n";
  for (string line; std::getline(status, line);) {
    if (line.rfind("Sig", 0) == 0 || line.rfind("Cap", 0) == 0 || line.rfind("NoNew", 0) == 0 ||
        line.rfind("Groups", 0) == 0 || line.rfind("Uid", 0) == 0)
      lines << line << "\n";
  }
  std::ifstream adjustment("/proc/self/oom_score_adj"), limits("/proc/self/limits");
  string value;
  std::getline(adjustment, value);
  lines << "oom_score_adj " << value << "\n";
  for (string line; std::getline(limits, line);)
    if (line.rfind("Max open files", 0) == 0) lines << line << "\n";
  return lines.str();
}

// Orphans: grandchildren whose parent is gone, so that the init above has to reap them.
static string Storm(int orphans, int alive_max) {
  int gate[2];
  if (pipe(gate) != 0) return "pipe failed\n";
  // A byte a place: an orphan takes one to be born and gives it back when it dies.
  for (int i = 0; i < alive_max; i++)
    if (write(gate[1], "x", 1) != 1) return "gate failed\n";
  for (int i = 0; i < orphans; i++) {
    char place;
    if (read(gate[0], &place, 1) != 1) return "gate closed\n";
    const pid_t child = fork();
    if (child < 0) return string("fork: ") + strerrorname_np(errno) + "\n";
    if (child == 0) {
      if (fork() == 0) {
        usleep(2000);
        _exit(write(gate[1], "x", 1) == 1 ? 0 : 1);
      }
      _exit(0);
    }
    waitpid(child, nullptr, 0);
  }
  close(gate[0]);
  close(gate[1]);
  return "done " + std::to_string(orphans) + "\n";
}

// Processes and zombies that /proc shows: of the whole node under plain chroot.
static string Processes() {
  int total = 0, zombies = 0;
  DIR* proc = opendir("/proc");
  while (const dirent* entry = proc ? readdir(proc) : nullptr) {
    if (atoi(entry->d_name) == 0) continue;
    std::ifstream file(string("/proc/") + entry->d_name + "/stat");
    string stat;
    if (!std::getline(file, stat)) continue;
    total++;
    const size_t name_end = stat.rfind(')');
    if (name_end != string::npos && stat.compare(name_end + 2, 1, "Z") == 0) zombies++;
  }
  if (proc) closedir(proc);
  return "processes " + std::to_string(total) + "\nzombies " + std::to_string(zombies) + "\n";
}

static int Number(const string& request, const char* name, int fallback) {
  const size_t at = request.find(string(name) + "=");
  return at == string::npos ? fallback : atoi(request.c_str() + at + strlen(name) + 1);
}

static string Answer(const string& request) {
  const auto asks = [&](const char* path) { return request.rfind(string("GET ") + path, 0) == 0; };
  if (asks("/exit")) _exit(Number(request, "status", 0));
  if (asks("/crash")) raise(SIGKILL);
  if (asks("/manage")) return TryToManage();
  // Its own path: where it is allowed, the node goes down.
  if (asks("/signal-init")) return "signal-init\t" + Outcome(kill(1, SIGTERM)) + "\n";
  if (asks("/inherited")) return Inherited();
  if (asks("/storm")) return Storm(Number(request, "orphans", 100), Number(request, "alive", 50));
  if (asks("/processes")) return Processes();
  if (asks("/daemonise")) {
    if (fork() == 0) {
      setsid();
      signal(SIGTERM, SIG_IGN);
      if (fork() == 0) pause();
      _exit(0);
    }
    wait(nullptr);
    return "daemonised\n";
  }
  if (asks("/log")) {
    const int lines = Number(request, "lines", 1);
    for (int i = 1; i <= lines; i++) printf("line %d\n", i);
    fflush(stdout);
    return "logged\n";
  }
  if (asks("/write")) {
    const int fd = open("/written", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const string outcome = Outcome(fd);
    close(fd);
    return "write\t" + outcome + "\n";
  }
  if (asks("/version")) return string(getenv("VERSION") ? getenv("VERSION") : "none") + "\n";
  return "probe\n";
}

// Numbered lines on standard output, so many a second, for as long as the app lives. In bursts: a
// line a millisecond would be a test of the timer.
static void PrintLines(int per_second) {
  constexpr int kBursts = 20;
  char line[32];
  timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long number = 1;; number++) {
    const int size = snprintf(line, sizeof line, "number %ld\n", number);
    if (write(1, line, static_cast<size_t>(size)) != size) _exit(1);
    if (number % (per_second / kBursts) != 0) continue;
    next.tv_nsec += 1000000000 / kBursts;
    if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
  }
}

int main() {
  const char* port = getenv("PORT");
  const char* lines = getenv("LINES_PER_SECOND");
  if (getenv("CRASH_AT_START")) {
    fprintf(stderr, "cannot start: CRASH_AT_START is set\n");
    return 3;
  }
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(atoi(port ? port : "8010")));
  if (bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(server, 64) != 0) {
    perror("listen");
    return 1;
  }
  printf("listening\n");
  fflush(stdout);
  if (lines && fork() == 0) PrintLines(atoi(lines));
  for (;;) {
    const int client = accept4(server, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    char request[1024] = {};
    if (read(client, request, sizeof request - 1) > 0) {
      const string body = Answer(request);
      const string reply =
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\n\r\n" + body;
      if (write(client, reply.data(), reply.size()) < 0) perror("write");
    }
    close(client);
  }
}
