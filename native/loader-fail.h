// The loader's only way to fail: one sentence on standard error, then exit; as PID 1 with apps
// around it, another attempt.
#ifndef SOLOCLOUD_LOADER_FAIL_H_
#define SOLOCLOUD_LOADER_FAIL_H_

#include "raw.h"

#define LOADER_EXIT_STATUS 70  // sysexits.h EX_SOFTWARE: nothing of ours has run yet

// Set in the second life of a PID 1 (native/loader-life.h), which must not end.
static void (*loader_last_resort)(const char* sentence);

// Prints "solocloud: <what>" and, unless `error` (-errno) is 0, " (error <number>)".
static void loader_say(const char* what, long error) {
  char line[512];
  struct raw_text text = raw_text_in(line, sizeof line);
  raw_add(&text, "solocloud: ");
  raw_add(&text, what);
  if (error) {
    raw_add(&text, " (error ");
    raw_add_number(&text, -error);
    raw_add(&text, ")");
  }
  raw_add(&text, "\n");
  raw_write_all(2, line, text.length);
}

static _Noreturn void loader_fail(const char* what, long error) {
  loader_say(what, error);
  if (loader_last_resort) loader_last_resort(what);
  raw_exit(LOADER_EXIT_STATUS);
}

#endif  // SOLOCLOUD_LOADER_FAIL_H_
