// The life record: what one life of PID 1 leaves to the next. A memory file that stays open over
// the exec and is mapped, shared, by the loader; the shim and the addon reach it through `struct
// loader_face`. sys/life.ts explains it to JavaScript, which never sees an address.
//
// A death can come between any two instructions. So: a pid is written by the kernel itself
// (CLONE_PARENT_SETTID), a note by one pwrite(2) that lies within a page, everything else by one
// aligned store that makes what was written before it count.
#ifndef SOLOCLOUD_LIFE_H_
#define SOLOCLOUD_LIFE_H_

#include <stddef.h>
#include <stdint.h>

#define LIFE_MAGIC "solocloud life"
// Another layout can't be read: an upgrade across it is refused (init/upgrade).
#define LIFE_LAYOUT 1
#define LIFE_CHILDREN 2048      // apps and helpers of PID 1 at one time
#define LIFE_NOTE_SIZE 4096     // one page: the length (uint32), then JSON
#define LIFE_DESCRIPTORS 65536  // PID 1's own RLIMIT_NOFILE (init/boot.ts)
#define LIFE_DEATHS 16          // not yet written to disk; the newest ones
#define LIFE_FRAMES 24
#define LIFE_REASON_SIZE 64
#define LIFE_TEXT_SIZE 3072
#define LIFE_STARTS 64
#define LIFE_REST_SIZE 16384  // LINE_BYTES_MAX of init/logs/line-splitter.ts
#define LIFE_LOG_SIZE 65536   // one read of a log pipe

enum life_ending { LIFE_RUNS = 0, LIFE_POWERS_OFF = 1, LIFE_REBOOTS = 2 };
enum life_upgrade { LIFE_NO_UPGRADE = 0, LIFE_TRIAL = 1, LIFE_CONFIRMED = 2, LIFE_WENT_BACK = 3 };

// How a life ended. `life` 0: this place is free, or its report is on disk.
struct life_death {
  uint64_t life;
  uint64_t at_ms;      // Unix time
  uint64_t uptime_ms;  // of that life
  uint64_t address;    // that a fault was about (siginfo's si_addr)
  uint64_t instruction;
  int32_t signal;  // 0: not a signal
  int32_t code;    // si_code
  int32_t thread;  // its number (gettid)
  int32_t frames;
  uint64_t stack[LIFE_FRAMES];  // what looks like return addresses, as offsets into this file
  char reason[LIFE_REASON_SIZE];
  char text[LIFE_TEXT_SIZE];  // JavaScript's stack, or the loader's sentence
};

// The chunk of a log that has left its pipe and is not yet in its file.
struct life_log {
  int32_t child;
  int32_t stream;     // 0: stdout, 1: stderr
  uint64_t sequence;  // of the chunk; committed once its stream's own is higher
  int64_t wall_ms;    // the time that its lines carry
  int64_t file_size;  // of the log file before the batch under way, -1: none is
  int64_t batches;    // bytes of this chunk's output that are in the file for good
};

// A stream's unfinished line. `committed`, one word: the length in the low 16 bits, which of the
// two buffers holds it in bit 16, and above that the sequence of the last chunk that is in the
// file.
struct life_rest {
  uint64_t committed;
};

struct life {
  char magic[16];
  uint32_t layout;
  int32_t log_fd;                // the memory file whose position says how much of a chunk there is
  uint64_t lives;                // this one included
  uint64_t boot_ms;              // CLOCK_MONOTONIC when this life began
  uint64_t starts[LIFE_STARTS];  // of lives, CLOCK_MONOTONIC in ms, a ring
  uint32_t waits;                // of the loader, one after another: 1, 2, 4 ... 60 s
  uint32_t loop_count;           // solocloud.crashloop: more starts than this ...
  uint32_t loop_seconds;         // ... within so long
  int32_t watchdog_fd;           // -1: the kernel has none
  int32_t ending;                // enum life_ending: a death from now on finishes the shutdown
  int32_t faults;                // 1: the words of PID 1 or of the kernel allow fault injection
  int32_t upgrade;               // enum life_upgrade
  int32_t children;              // places from here on have never been used: no pid, no note
  int32_t previous_fd;           // the file to go back to while an upgrade is on trial, -1: none
  int32_t death_signal;          // of our parent's end (PR_SET_PDEATHSIG), as the first life had it
  uint64_t trial_ends_ms;        // CLOCK_MONOTONIC
  uint64_t trial_lives;          // the number of the first life on trial
  int32_t fresh;                 // 1: the next life is no death's, and counts from nothing
  uint64_t orphans;              // reaped by the loader
  char upgrade_reason[LIFE_REASON_SIZE];  // why it went back
  struct life_log log;
  struct life_death deaths[LIFE_DEATHS];
  uint8_t kept[LIFE_DESCRIPTORS / 8];  // descriptors that stay open over an exec
  int32_t pids[LIFE_CHILDREN];         // 0: there is no process
  int32_t ended[LIFE_CHILDREN];        // 1: reaped, and `statuses` says how it ended
  int32_t statuses[LIFE_CHILDREN];
  struct life_rest rests[LIFE_CHILDREN][2];
  __attribute__((aligned(LIFE_NOTE_SIZE))) char notes[LIFE_CHILDREN][LIFE_NOTE_SIZE];
  char lines[LIFE_CHILDREN][2][2][LIFE_REST_SIZE];
};

// What the loader, still mapped, does for the shim and the addon. Async-signal-safe, never returns.
struct loader_face {
  struct life* life;
  int life_fd;
  // Ends this life and begins the next one, in any thread and any state. `text` may be NULL.
  void (*die)(const char* reason, const char* text) __attribute__((noreturn));
  // Begins the next life in the open file `fd`, without a death. Returns -errno.
  int (*become)(int fd);
  // Ends the process for good: a container's way of being off.
  void (*leave)(int status) __attribute__((noreturn));
};

// Notes the end of a child that has been reaped: its index, or -1 when it is nobody's.
static inline int life_note_end(struct life* life, int32_t pid, int32_t status) {
  for (int i = 0; i < life->children; i++) {
    if (life->pids[i] != pid || life->ended[i]) continue;
    life->statuses[i] = status;
    __atomic_store_n(&life->ended[i], 1, __ATOMIC_RELEASE);
    return i;
  }
  return -1;
}

#endif  // SOLOCLOUD_LIFE_H_
