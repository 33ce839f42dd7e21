// `no-privileges PROGRAM WORD...`: runs a program as in a container whose root may neither mount
// nor make devices or namespaces: all of these answer EPERM. The arguments of clone3(2) are out of
// a filter's sight, so it is unknown here, as under Docker's filter.
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "filter.h"

// open_tree to fspick: they have the same numbers on every machine.
#define FIRST_OF_MOUNT_API 428
#define LAST_OF_MOUNT_API 433
#define MOUNT_SETATTR 442

#define NEW_NAMESPACES                                                                          \
  (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
   CLONE_NEWNET)

// Of this call, whose `argument` is a file's mode, devices alone: a FIFO is nobody's privilege.
#define DENY_DEVICES(call, argument)                                                  \
  JUMP(JEQ, call, 0, 6), LOAD(argument), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, S_IFMT), \
      JUMP(JEQ, S_IFCHR, 1, 0), JUMP(JEQ, S_IFBLK, 0, 1), FAIL(EPERM), ALLOW

int main(int argc, char** argv) {
  (void)argc;
  struct sock_filter code[] = {
      LOAD_CALL,
      WHEN(SYS_mount),
      FAIL(EPERM),
      WHEN(SYS_umount2),
      FAIL(EPERM),
      WHEN(SYS_pivot_root),
      FAIL(EPERM),
      WHEN(SYS_unshare),
      FAIL(EPERM),
      WHEN(SYS_setns),
      FAIL(EPERM),
      JUMP(JGE, FIRST_OF_MOUNT_API, 0, 2),
      JUMP(JGT, LAST_OF_MOUNT_API, 1, 0),
      FAIL(EPERM),
      WHEN(MOUNT_SETATTR),
      FAIL(EPERM),
      WHEN(SYS_clone3),
      FAIL(ENOSYS),
      DENY_DEVICES(SYS_mknod, args[1]),
      DENY_DEVICES(SYS_mknodat, args[2]),
      JUMP(JEQ, SYS_clone, 0, 3),
      LOAD(args[0]),
      JUMP(JSET, NEW_NAMESPACES, 0, 1),
      FAIL(EPERM),
      ALLOW,
  };
  return run_filtered(code, sizeof code, argv);
}
