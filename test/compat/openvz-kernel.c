// `openvz-kernel SOCKET PROGRAM WORD...`: runs a program to whom access(2) says that /proc/vz is
// there, as it is in an OpenVZ container; nothing can be made in a real /proc.
// `openvz-kernel SOCKET` answers these calls for the program: it runs outside, writes a line once
// it listens, and ends with the last process below the program.
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "filter.h"

static const char present[] = "/proc/vz";

static int fail(const char* what) {
  perror(what);
  return 71;
}

static struct sockaddr_un address_of(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  return address;
}

// One byte with a descriptor: sent when *fd is one, else received into it.
static int pass_descriptor(int socket, int* fd) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {{0}};
  char byte = 0;
  struct iovec body = {&byte, 1};
  struct msghdr message = {.msg_iov = &body,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  if (*fd < 0) {
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message)) return -1;
    memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *fd);
    return 0;
  }
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){CMSG_LEN(sizeof *fd), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(header), fd, sizeof *fd);
  return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

static int asks_for_present(const struct seccomp_notif* call) {
  char path[64], there[sizeof present];
  snprintf(path, sizeof path, "/proc/%u/mem", call->pid);
  int memory = open(path, O_RDONLY | O_CLOEXEC);
  if (memory < 0) return 0;
  ssize_t size = pread(memory, there, sizeof there, (off_t)call->data.args[0]);
  close(memory);
  return size == sizeof there && memcmp(there, present, sizeof there) == 0;
}

static int serve(const char* path) {
  struct sockaddr_un address = address_of(path);
  int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), calls = -1;
  unlink(path);
  if (bind(listening, (void*)&address, sizeof address) || listen(listening, 1)) return fail(path);
  puts("ready");
  fflush(stdout);
  int program = accept(listening, NULL, NULL);
  if (program < 0 || pass_descriptor(program, &calls)) return fail("descriptor");
  for (;;) {
    struct pollfd waiting = {.fd = calls, .events = POLLIN};
    struct seccomp_notif call = {0};
    if (poll(&waiting, 1, -1) < 0) return fail("poll");
    if (waiting.revents & POLLHUP) return 0;
    // The caller may have died meanwhile.
    if (ioctl(calls, SECCOMP_IOCTL_NOTIF_RECV, &call)) continue;
    struct seccomp_notif_resp answer = {.id = call.id};
    if (!asks_for_present(&call)) answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(calls, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

static int run(const char* path, char** argv) {
  struct sock_filter code[] = {
      LOAD_CALL,
      WHEN(SYS_access),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      ALLOW,
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  struct sockaddr_un address = address_of(path);
  int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(server, (void*)&address, sizeof address)) return fail(path);
  // Its root may filter without no_new_privs, with which no sudo would work below.
  int calls = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                           &program);
  if (calls < 0 || pass_descriptor(server, &calls)) return fail("seccomp");
  execv(argv[0], argv);
  return fail(argv[0]);
}

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  return argc == 2 ? serve(argv[1]) : run(argv[1], argv + 2);
}
