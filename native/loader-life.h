// The beginning of a life: the record is found or made, lives are counted, and a PID 1 that dies
// again and again waits longer each time.
#ifndef SOLOCLOUD_LOADER_LIFE_H_
#define SOLOCLOUD_LOADER_LIFE_H_

#include <linux/prctl.h>

#include "loader-death.h"
#include "loader-parts.h"

#define LIFE_FD_MAX 1024      // where the record's descriptor is looked for
#define LOOP_COUNT_DEFAULT 5  // solocloud.crashloop=5/60, until JavaScript has read the setting
#define LOOP_SECONDS_DEFAULT 60
#define WAIT_SECONDS_MAX 60
#define FAULTS_WORD "solocloud.faults="
#define EARLY_FAULT "loader*"  // of these faults, the loader's own: in the first N lives

static int is_life_record(int fd) {
  char magic[16];
  struct stat about;
  return !raw(__NR_fstat, fd, &about) && (uint64_t)about.st_size == sizeof(struct life) &&
         raw(__NR_pread64, fd, magic, sizeof magic, 0) == sizeof magic &&
         raw_starts_with(magic, LIFE_MAGIC);
}

static int find_life_record(void) {
  for (int fd = 3; fd < LIFE_FD_MAX; fd++)
    if (is_life_record(fd)) return fd;
  return -1;
}

static struct life* map_life(int fd) {
  long at = raw(__NR_mmap, 0, sizeof(struct life), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at < 0 && at > -4096) loader_fail("the life record can't be mapped", at);
  return (struct life*)at;
}

// The first `used` bytes get their room now: where the file lies on a disk that is full, a write
// through the mapping would be SIGBUS, in every life.
static int sized_memory_file(const char* name, uint64_t size, uint64_t used) {
  int fd = memory_file(name);
  if (fd < 0) loader_fail("no memory file could be made for the life record", fd);
  long error = raw(__NR_ftruncate, fd, size);
  if (!error) error = raw(__NR_fallocate, fd, 0, 0, used);
  if (error == -EOPNOTSUPP || error == -ENOSYS) error = 0;
  if (error) loader_fail("no room for the life record", error);
  return fd;
}

static void make_life_record(void) {
  pid1.life_fd = sized_memory_file("life", sizeof(struct life), offsetof(struct life, notes));
  struct life* life = map_life(pid1.life_fd);
  life->layout = LIFE_LAYOUT;
  life->log_fd = sized_memory_file("life-log", LIFE_LOG_SIZE, LIFE_LOG_SIZE);
  life->watchdog_fd = life->previous_fd = -1;
  life->loop_count = LOOP_COUNT_DEFAULT;
  life->loop_seconds = LOOP_SECONDS_DEFAULT;
  memcpy(life->magic, LIFE_MAGIC, sizeof LIFE_MAGIC);
  pid1.life = life;
}

// A record of another layout: no upgrade leads here. What runs is nobody's then, and must not run
// beside what is started anew.
static void end_strangers(int fd) {
  raw(__NR_kill, -1, SIGKILL);
  wait_for_children(FINISH_MS_MAX);
  raw_close(fd);
}

static void open_life_record(void) {
  int fd = find_life_record();
  if (fd >= 0) {
    pid1.life_fd = fd;
    pid1.life = map_life(fd);
    if (pid1.life->layout == LIFE_LAYOUT) return;
    pid1.life = 0;
    end_strangers(fd);
  }
  make_life_record();
}

// How many lives began within the time that solocloud.crashloop names, this one included.
static uint32_t recent_lives(const struct life* life, uint64_t now) {
  uint32_t count = 0;
  for (int i = 0; i < LIFE_STARTS; i++)
    count += life->starts[i] && now - life->starts[i] <= life->loop_seconds * 1000UL;
  return count;
}

static void say_wait(const struct life* life, uint32_t seconds) {
  char line[128];
  struct raw_text text = raw_text_in(line, sizeof line);
  raw_add(&text, "init has died again: life ");
  raw_add_number(&text, (int64_t)life->lives);
  raw_add(&text, " begins in ");
  raw_add_number(&text, seconds);
  raw_add(&text, " s; the apps go on");
  loader_say(line, 0);
}

static void count_life(void) {
  struct life* life = pid1.life;
  const uint64_t now = clock_ms(CLOCK_MONOTONIC);
  const uint64_t lasted = life->lives ? now - life->boot_ms : 0;
  // Another file has a loop of its own, or none.
  if (life->fresh) memset(life->starts, 0, sizeof life->starts);
  if (life->fresh) life->waits = 0;
  life->fresh = 0;
  life->starts[life->lives % LIFE_STARTS] = now;
  life->lives++;
  // Once it waits, only a life that has lasted ends that: the waits themselves make lives rare.
  if (lasted > life->loop_seconds * 1000UL) life->waits = 0;
  if (life->waits || recent_lives(life, now) > life->loop_count) life->waits++;
}

// It belongs to a thread: a death on another one has lost it.
static void keep_death_signal(void) {
  struct life* life = pid1.life;
  if (life->lives == 1) raw(__NR_prctl, PR_GET_PDEATHSIG, &life->death_signal, 0, 0, 0);
  if (life->death_signal) raw(__NR_prctl, PR_SET_PDEATHSIG, life->death_signal, 0, 0, 0);
}

// Before anything of this life that could fail again.
static void wait_out_crash_loop(void) {
  struct life* life = pid1.life;
  if (life->upgrade == LIFE_TRIAL && life->lives - life->trial_lives >= life->loop_count) {
    go_back("it died again and again");
    next_life();
  }
  if (life->waits) {
    uint32_t seconds = life->waits > 6 ? WAIT_SECONDS_MAX : 1U << (life->waits - 1);
    say_wait(life, seconds);
    wait_ms(seconds * 1000UL);
  }
  life->boot_ms = clock_ms(CLOCK_MONOTONIC);
}

static void arm_trial(void) {
  const struct life* life = pid1.life;
  int timer;
  sigevent_t event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL_TRIAL};
  struct itimerspec end = {
      {0, 0}, {(long)(life->trial_ends_ms / 1000), (long)(life->trial_ends_ms % 1000) * 1000000}};
  if (life->upgrade != LIFE_TRIAL) return;
  handle(SIGNAL_TRIAL, on_trial_end);
  long error = raw(__NR_timer_create, CLOCK_MONOTONIC, &event, &timer);
  if (!error) error = raw(__NR_timer_settime, timer, TIMER_ABSTIME, &end, 0);
  if (error) loader_say("an upgrade is on trial without a time limit", error);
}

// Where one of the words of `text`, separated by NUL or white space, is solocloud.faults=: its
// value, else NULL.
static const char* faults_in(const char* text, size_t size) {
  for (size_t i = 0; i + sizeof FAULTS_WORD <= size; i++)
    if ((i == 0 || text[i - 1] <= ' ') && raw_starts_with(text + i, FAULTS_WORD))
      return text + i + sizeof FAULTS_WORD - 1;
  return 0;
}

static const char* wanted_faults(void) {
  static char line[4097];
  for (char** word = pid1.argv; *word; word++) {
    const char* found = faults_in(*word, raw_strlen(*word) + 1);
    if (found) return found;
  }
  // In a container the kernel's command line is the host's.
  int fd = owns_machine() ? raw_open("/proc/cmdline", O_RDONLY, 0) : -1;
  if (fd < 0) return 0;
  long size = raw_read_all(fd, line, sizeof line - 1);
  raw_close(fd);
  return size > 0 ? faults_in(line, (size_t)size + 1) : 0;
}

// Fault injection exists only where PID 1's or the kernel's words ask for it.
static void allow_faults(void) {
  const char* faults = wanted_faults();
  pid1.life->faults = faults != 0;
  for (; faults && *faults > ' '; faults++) {
    uint64_t lives = 0;
    if (!raw_starts_with(faults, EARLY_FAULT)) continue;
    for (const char* p = faults + sizeof EARLY_FAULT - 1; *p >= '0' && *p <= '9'; p++)
      lives = lives * 10 + (uint64_t)(*p - '0');
    if (pid1.life->lives <= lives) __builtin_trap();
  }
}

// A loader that fails (no memory, say) is a death like any other, unless nothing runs yet.
static _Noreturn void fail_life(const char* sentence) { die("the loader failed", sentence); }

static void begin_life(void) {
  open_life_record();
  count_life();
  keep_death_signal();
  if (pid1.life->lives > 1) loader_last_resort = fail_life;
  wait_out_crash_loop();
  arm_trial();
  allow_faults();
}

#endif  // SOLOCLOUD_LOADER_LIFE_H_
