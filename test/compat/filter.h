// What the programs of this directory share: a filter of system calls that a program and everything
// below it can't leave any more (seccomp(2)).
#ifndef SOLOCLOUD_TEST_FILTER_H_
#define SOLOCLOUD_TEST_FILTER_H_

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP(test, value, if_true, if_false) \
  BPF_JUMP(BPF_JMP | BPF_##test | BPF_K, value, if_true, if_false)
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
// The next statement only for this value of what was loaded.
#define WHEN(value) JUMP(JEQ, value, 0, 1)
// Every filter's first words: other machines' calls are out, then the call's number is loaded.
#define LOAD_CALL LOAD(arch), JUMP(JEQ, AUDIT_ARCH_X86_64, 1, 0), FAIL(ENOSYS), LOAD(nr)

// Becomes the program that argv[1] names; returns an exit status when that fails.
static inline int run_filtered(struct sock_filter* code, size_t size, char** argv) {
  struct sock_fprog program = {(unsigned short)(size / sizeof *code), code};
  if (!argv[0] || !argv[1]) return 64;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    perror("seccomp");
    return 71;
  }
  execv(argv[1], argv + 1);
  perror(argv[1]);
  return 72;
}

#endif  // SOLOCLOUD_TEST_FILTER_H_
