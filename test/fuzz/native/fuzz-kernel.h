// The kernel of a fuzz build. build-native.ts takes the system call out of native/raw.h: what it
// did comes to this function, which every harness has of its own, and nothing is really executed.
#ifndef SOLOCLOUD_FUZZ_KERNEL_H_
#define SOLOCLOUD_FUZZ_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

// As the kernel would: the result, or -errno.
long raw6(long n, long a, long b, long c, long d, long e, long f);

// A rule is broken: says which, and crashes, so that the fuzzer keeps the input.
_Noreturn void fuzz_broken(const char* rule);
// Reads every byte, as the kernel would: AddressSanitizer sees those that are not there.
void fuzz_touch(const void* bytes, size_t size);

#define MUST(holds, rule) ((holds) ? (void)0 : fuzz_broken(rule))

#endif  // SOLOCLOUD_FUZZ_KERNEL_H_
