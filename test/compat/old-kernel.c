// `old-kernel PROGRAM WORD...`: runs a program as on Linux 3.10, where every later system call is
// unknown (ENOSYS), and so are later options of old ones (EINVAL) where programs ask for them.
// x86-64's numbers grow with time: 314 is sched_setattr of 3.14.
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "filter.h"

#define FIRST_UNKNOWN 314

int main(int argc, char** argv) {
  (void)argc;
  struct sock_filter code[] = {
      LOAD_CALL,
      JUMP(JGE, FIRST_UNKNOWN, 0, 1),
      FAIL(ENOSYS),
      // All options but Yama's that are newer than PR_GET_TID_ADDRESS.
      JUMP(JEQ, SYS_prctl, 0, 5),
      LOAD(args[0]),
      JUMP(JEQ, PR_SET_PTRACER, 2, 0),
      JUMP(JGT, PR_GET_TID_ADDRESS, 0, 1),
      FAIL(EINVAL),
      ALLOW,
      // MADV_FREE is of 4.5, MADV_WIPEONFORK of 4.14.
      JUMP(JEQ, SYS_madvise, 0, 5),
      LOAD(args[2]),
      JUMP(JEQ, MADV_FREE, 1, 0),
      JUMP(JGE, MADV_WIPEONFORK, 0, 1),
      FAIL(EINVAL),
      ALLOW,
      // The cgroup namespace is of 4.6.
      JUMP(JEQ, SYS_clone, 0, 3),
      LOAD(args[0]),
      JUMP(JSET, CLONE_NEWCGROUP, 0, 1),
      FAIL(EINVAL),
      ALLOW,
  };
  return run_filtered(code, sizeof code, argv);
}
