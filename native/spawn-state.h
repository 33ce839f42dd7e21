// What the steps of a spawn share, and the words they read their fields from.
#ifndef SOLOCLOUD_SPAWN_STATE_H_
#define SOLOCLOUD_SPAWN_STATE_H_

#include "raw.h"

enum { REPORT_FD = 3, PATH_SIZE = 4096 };

struct spawn {
  char** words;
  int count;
  int next;
  int malformed;  // A word was missing or not of its field's form.
  char** envp;
  int root;            // The app's root, O_PATH; -1 before a step went there.
  int private_mounts;  // In a mount namespace of its own: mounts end with the app.
  int started;  // In the child of the app's init: its end of the pipe that tells of a failure; else
                // -1.
  int own_pid_namespace;  // Not the kernel's initial one; 0 when that can't be told.
};

static const char* word(struct spawn* s) {
  if (s->next < s->count) return s->words[s->next++];
  s->malformed = 1;
  return "";
}

static int64_t number(struct spawn* s) {
  int64_t value = 0;
  if (raw_parse_signed(word(s), &value)) s->malformed = 1;
  return value;
}

#endif  // SOLOCLOUD_SPAWN_STATE_H_
