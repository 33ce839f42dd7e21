// Who may act on the whole machine: the role that the loader chose, as pid 1 of the kernel's own
// pid namespace. Everything else (tests, `make run`, OpenVZ, LXC) is refused, whatever JavaScript
// asks for.
#pragma once
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

/** PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h, the same since Linux 3.8. */
constexpr ino_t kInitialPidNamespace = 4026531836;

/** The loader's word (native/shim.c exports it); '' where there is no loader. */
static const char* Role() {
  using RoleFn = const char* (*)();
  const auto role = reinterpret_cast<RoleFn>(dlsym(RTLD_DEFAULT, "solocloud_role"));
  return role == nullptr ? "" : role();
}

/** Asked at every call: an answer kept in a variable would be one more thing that can be wrong. */
static bool OwnsMachine() {
  struct stat pid_namespace;
  return strcmp(Role(), "init") == 0 && getpid() == 1 &&
         stat("/proc/self/ns/pid", &pid_namespace) == 0 &&
         pid_namespace.st_ino == kInitialPidNamespace;
}
