// An HTTP server in one file: answers every GET with one line and logs it.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

constexpr size_t kRequestBytesMax = 8192;
constexpr timeval kClientTimeout = {5, 0};

// Reads up to the empty line that ends a request's head; empty when the client does not send one.
std::string ReadHead(int client) {
  std::string head;
  char buffer[1024];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = read(client, buffer, sizeof(buffer));
    if (count <= 0 || head.size() + count > kRequestBytesMax) return "";
    head.append(buffer, count);
  }
  return head;
}

void WriteAll(int client, const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = write(client, text.data() + sent, text.size() - sent);
    if (count <= 0) return;
    sent += count;
  }
}

void Answer(int client, unsigned number) {
  const std::string head = ReadHead(client);
  const bool get = head.rfind("GET ", 0) == 0;
  const std::string status = get ? "200 OK" : "405 Method Not Allowed";
  const std::string body = get ? "Hello from C++, request " + std::to_string(number) + "\n" : "";
  WriteAll(client, "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body);
  std::cout << status << ' ' << head.substr(0, head.find('\r')) << std::endl;
}

// By IPv6 and IPv4 at once; by IPv4 alone where the kernel has nothing else.
int Listen(uint16_t port) {
  sockaddr_in6 both = {};
  both.sin6_family = AF_INET6;
  both.sin6_port = htons(port);
  sockaddr_in four = {};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool has_six = listener >= 0;
  if (!has_six) listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const int off = 0;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (has_six) setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  const auto* any = reinterpret_cast<const sockaddr*>(has_six ? static_cast<void*>(&both) : &four);
  if (bind(listener, any, has_six ? sizeof(both) : sizeof(four)) != 0 ||
      listen(listener, SOMAXCONN) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return listener;
}

}  // namespace

int main() {
  const char* port = std::getenv("PORT");
  const int listener = Listen(std::atoi(port != nullptr ? port : "8001"));
  std::signal(SIGPIPE, SIG_IGN);
  std::cout << "listening on port " << (port != nullptr ? port : "8001") << std::endl;
  for (unsigned number = 1;; number++) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    // One client at a time: a silent one may hold up the others only so long.
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kClientTimeout, sizeof(kClientTimeout));
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kClientTimeout, sizeof(kClientTimeout));
    Answer(client, number);
    close(client);
  }
}
