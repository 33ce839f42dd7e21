// Who may act on the whole machine: the role that the loader chose, as pid 1 of the kernel's own
// pid namespace. Everything else (tests, `make run`, OpenVZ, LXC) is refused, whatever JavaScript
// asks for. The one other act, loading a kernel that boots into a node, is the installer's.
#pragma once
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

/** PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h, the same since Linux 3.8. */
constexpr ino_t kInitialPidNamespace = 4026531836;

/** The loader's word (native/shim.c exports it); '' where there is no loader. */
static const char* Role() {
  using RoleFn = const char* (*)();
  const auto role = reinterpret_cast<RoleFn>(dlsym(RTLD_DEFAULT, "solocloud_role"));
  return role == nullptr ? "" : role();
}

static bool InInitialPidNamespace() {
  struct stat pid_namespace;
  return stat("/proc/self/ns/pid", &pid_namespace) == 0 &&
         pid_namespace.st_ino == kInitialPidNamespace;
}

/** Asked at every call: an answer kept in a variable would be one more thing that can be wrong. */
static bool OwnsMachine() {
  return strcmp(Role(), "init") == 0 && getpid() == 1 && InInitialPidNamespace();
}

/** The installer, on the machine itself: inside a container there is no kernel of one's own. */
static bool InstallsMachine() { return strcmp(Role(), "install") == 0 && InInitialPidNamespace(); }

/**
 * Whether a kernel started with these words gives its machine to us: of several `init=` the last
 * one counts, those after `--` are not the kernel's, and quotes hold a word together (next_arg of
 * the kernel's lib/cmdline.c, whose white space includes 0xa0).
 */
static bool StartsNode(const std::string& command_line) {
  bool starts = false, quoted = false;
  std::string word, bare;
  for (const char c : command_line + ' ') {
    if (c == '"') quoted = !quoted;
    if (quoted || strchr(" \t\n\v\f\r\xa0", c) == nullptr) {
      word += c;
      if (c != '"') bare += c;
      continue;
    }
    if (word == "--") return starts;
    if (bare.compare(0, 5, "init=") == 0) starts = word == "init=/sbin/solocloud";
    word.clear();
    bare.clear();
  }
  // With a quote that does not end, where words end is a guess.
  return starts && !quoted;
}
