// `venet HOST CONTAINER`, each the file of a network namespace: the cable between an OpenVZ host
// and its container, `vz0` there and `venet0` here. It carries IP packets: no addresses of
// hardware, nobody to resolve. It writes a line once it is there, and stays until it is killed: the
// container's namespace does, as long as this holds its end.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int tun_in(const char* network, const char* name) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
  int namespace = open(network, O_RDONLY | O_CLOEXEC);
  if (namespace < 0 || setns(namespace, CLONE_NEWNET)) return -1;
  close(namespace);
  int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  return tun >= 0 && ioctl(tun, TUNSETIFF, &request) == 0 ? tun : -1;
}

// False when the end that it reads is gone. What is written to an end that is down is lost.
static int carry(int from, int to) {
  static char packet[65536];
  ssize_t size = read(from, packet, sizeof packet);
  return size > 0 && write(to, packet, (size_t)size) >= -1;
}

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  int host = tun_in(argv[1], "vz0"), container = tun_in(argv[2], "venet0");
  if (host < 0 || container < 0) {
    perror("venet");
    return 71;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct pollfd ends[] = {{host, POLLIN, 0}, {container, POLLIN, 0}};
    if (poll(ends, 2, -1) < 0) return 71;
    if (ends[0].revents && !carry(host, container)) return 0;
    if (ends[1].revents && !carry(container, host)) return 0;
  }
}
