// What native/compat.c offers to the shim.
#ifndef SOLOCLOUD_COMPAT_H_
#define SOLOCLOUD_COMPAT_H_

// Opens a source of randomness if the kernel has no getrandom(2); must precede a chroot. Runs by
// itself as a constructor, but the order of constructors is nobody's promise. May be called again.
void compat_open_entropy(void);

#endif  // SOLOCLOUD_COMPAT_H_
