// A loader for tests of the addon under a plain Node: a life record of zeros, whose `die` prints and exits.
import { join, resolve } from 'node:path'
import { compileC } from './build-addon.ts'

const NATIVE = resolve(import.meta.dirname, '../../native')

/** How the fake loader's `die` ends the process. */
export const DIED = 42

const SOURCE = `
#define _GNU_SOURCE
#include "life.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct life life;
static __attribute__((noreturn)) void die(const char* reason, const char* text) {
  dprintf(1, "died: %s\\n%s", reason, text ? text : "");
  for (;;) syscall(SYS_exit_group, ${DIED});
}
static __attribute__((noreturn)) void leave(int status) { _exit(status); }
static const struct loader_face face = {
    .life = &life, .life_fd = -1, .die = die, .leave = leave};
const struct loader_face* solocloud_loader_face(void) {
  life.faults = getenv("FAULTS") != NULL;
  return &face;
}
`

/** A library to preload; \`FAULTS\` in the environment allows fault injection. */
export function buildFakeFace(dir: string): string {
  return compileC(dir, 'face.so', SOURCE, ['-shared', '-fPIC', `-I${join(NATIVE)}`])
}
