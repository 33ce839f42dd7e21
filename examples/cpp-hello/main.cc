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

int Listen(uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = INADDR_ANY;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
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
