// Preloaded into our own Node alone: its constructor runs after ld.so and before main, when there
// is one thread. It takes the loader's words out of the environment and, in the role `unpack`,
// locks the process into its root: capabilities belong to a thread, and Node has several before any
// JavaScript.
#include <dlfcn.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat.h"
#include "survive.h"

#define CAPABILITIES_KEPT                                                           \
  (1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID | \
   1u << CAP_SETFCAP)

_Static_assert(CAP_SETFCAP < 32, "kept capabilities fit the first word");

static char role[16] = "";

// The role that the loader chose. The addon finds this by dlsym; under a plain Node it does not
// exist.
__attribute__((visibility("default"))) const char* solocloud_role(void) { return role; }

static _Noreturn void fail(const char* what) {
  fprintf(stderr, "solocloud: %s: %s\n", what, strerror(errno));
  _exit(70);  // sysexits.h EX_SOFTWARE, as the loader
}

static void name_addon(const char* variable, const char* number, char* path, size_t size) {
  int descriptor = atoi(number);
  if (descriptor < 0) return;
  snprintf(path, size, "/proc/self/fd/%d", descriptor);
  if (setenv(variable, path, 1)) fail("setenv");
}

// Once it is loaded, process.dlopen finds it by this very name, without opening a file.
static void load_before_chroot(const char* path) {
  if (path[0] && !dlopen(path, RTLD_LAZY)) {
    fprintf(stderr, "solocloud: %s\n", dlerror());
    _exit(70);
  }
}

static void drop_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  // To the kernel's last one, which may be newer than our header's: PR_CAPBSET_READ then fails.
  for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if ((cap >= 32 || !(CAPABILITIES_KEPT >> cap & 1)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
      fail("unpack: cannot drop capabilities");
  if (syscall(SYS_capget, &header, data)) fail("unpack: capget");
  data[0].permitted &= CAPABILITIES_KEPT;
  data[0].effective = data[0].permitted;
  data[0].inheritable = 0;
  memset(&data[1], 0, sizeof data[1]);
  if (syscall(SYS_capset, &header, data)) fail("unpack: capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("unpack: no_new_privs");
  // An app that is root in a plain chroot has these capabilities too: it must not trace this one.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) fail("unpack: not dumpable");
}

static void enter(const char* root) {
  if (!root) {
    errno = EINVAL;
    fail("unpack: no directory given");
  }
  if (chdir(root) || chroot(".")) fail("unpack: cannot enter the directory");
  drop_capabilities();
}

// ld.so calls constructors with main's arguments. The loader took the role's word out, and may have
// put one --node-options= in.
__attribute__((constructor)) static void start(int argc, char** argv) {
  char addon[32] = "", lzma[32] = "";
  const char* given = getenv("SOLOCLOUD_LOADER");
  if (!given) return;
  char* words = strdup(given);
  if (!words) fail("strdup");
  char* rest = words;
  snprintf(role, sizeof role, "%s", strsep(&rest, " "));
  survive((const struct loader_face*)strtoull(strsep(&rest, " "), NULL, 10));
  name_addon("SOLOCLOUD_ADDON", strsep(&rest, " "), addon, sizeof addon);
  name_addon("SOLOCLOUD_LZMA", strsep(&rest, " "), lzma, sizeof lzma);
  // The libraries are mapped by now. The addons' descriptors stay: their names must stay theirs. So
  // do all of PID 1's, for its unpackers (file_of_parent of native/loader-parts.h).
  while (rest && strcmp(role, "init")) close(atoi(strsep(&rest, " ")));
  free(words);
  unsetenv("SOLOCLOUD_LOADER");
  unsetenv("LD_PRELOAD");
  unsetenv("MALLOC_ARENA_MAX");
  unsetenv("MALLOC_MMAP_THRESHOLD_");
  compat_open_entropy();
  if (strcmp(role, "unpack")) return;
  load_before_chroot(addon);
  load_before_chroot(lzma);
  int first = argc > 1 && !strncmp(argv[1], "--node-options=", 15) ? 2 : 1;
  enter(first < argc ? argv[first] : NULL);
}
