// Becomes the app's user: names from the app's own /etc/passwd and /etc/group, supplementary
// groups, and no capability outside the ones to keep.
#ifndef SOLOCLOUD_SPAWN_USER_H_
#define SOLOCLOUD_SPAWN_USER_H_

#include <asm/stat.h>
#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/stat.h>

#include "spawn-state.h"

#ifndef PR_CAP_AMBIENT  // Linux 4.3
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

enum {
  ACCOUNT_FILE_BYTES_MAX = 1 << 20,
  GROUPS_MAX = 1024,
  FIELDS_MAX = 7,
  USER_SIZE = 128,
  HOME_SIZE = 512,
};

struct account {
  uint32_t uid;
  uint32_t gid;
  uint32_t groups[GROUPS_MAX];
  int group_count;
  char home[HOME_SIZE];  // HOME=...
};

// An account file's lines, cut into fields where they lie.
struct lines {
  char* bytes;
  char* at;
};

// -ENOENT when there is none; -EFBIG over 1 MiB; -EINVAL when it is not a regular file.
static int open_lines(struct lines* lines, const char* path) {
  int fd = raw_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return fd;
  struct stat status;
  long failed = raw(__NR_fstat, fd, &status);
  if (!failed && !S_ISREG(status.st_mode)) failed = -EINVAL;
  if (!failed && status.st_size > ACCOUNT_FILE_BYTES_MAX) failed = -EFBIG;
  long memory = raw(__NR_mmap, 0, ACCOUNT_FILE_BYTES_MAX + 1, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory < 0 && memory > -4096) failed = memory;
  if (!failed) {
    lines->bytes = lines->at = (char*)memory;
    long size = raw_read_all(fd, lines->bytes, ACCOUNT_FILE_BYTES_MAX);
    if (size < 0) failed = size;
  }
  raw_close(fd);
  return (int)failed;
}

static void close_lines(struct lines* lines) {
  raw(__NR_munmap, lines->bytes, ACCOUNT_FILE_BYTES_MAX + 1);
}

// The next line's fields (missing ones empty): 1, or 0 at the end.
static int next_line(struct lines* lines, char* fields[FIELDS_MAX]) {
  if (!*lines->at) return 0;
  char* p = lines->at;
  for (int i = 0; i < FIELDS_MAX; i++) {
    fields[i] = p;
    while (*p && *p != '\n' && (*p != ':' || i == FIELDS_MAX - 1)) p++;
    if (*p == ':') *p++ = 0;
  }
  lines->at = *p ? p + 1 : p;
  *p = 0;
  return 1;
}

// A user or group id: 0, or -EINVAL. The largest means "unchanged" to the kernel.
static int parse_id(const char* text, uint32_t* id) {
  uint64_t value;
  if (raw_parse_unsigned(text, 10, &value) || value >= UINT32_MAX) return -EINVAL;
  *id = (uint32_t)value;
  return 0;
}

static void set_home(struct account* account, const char* home) {
  struct raw_text text = raw_text_in(account->home, sizeof account->home);
  raw_add(&text, "HOME=");
  raw_add(&text, *home ? home : "/");
}

// Fills in what /etc/passwd knows of `user`, and its name for the search of groups. A number needs
// no entry.
static int find_user(struct account* account, const char* user, char* name) {
  char* fields[FIELDS_MAX];
  struct lines lines;
  uint32_t uid = 0;
  int numeric = !parse_id(user, &uid);
  account->uid = uid;
  set_home(account, "/");
  int failed = open_lines(&lines, "/etc/passwd");
  if (failed) return numeric && failed == -ENOENT ? 0 : failed;
  failed = numeric ? 0 : -ENOENT;
  while (next_line(&lines, fields)) {
    uint32_t line_uid, line_gid;
    if (parse_id(fields[2], &line_uid) || parse_id(fields[3], &line_gid)) continue;
    if (numeric ? line_uid != uid : !raw_streq(fields[0], user)) continue;
    account->uid = line_uid;
    account->gid = line_gid;
    set_home(account, fields[5]);
    struct raw_text text = raw_text_in(name, USER_SIZE);
    raw_add(&text, fields[0]);
    failed = 0;
    break;
  }
  close_lines(&lines);
  return failed;
}

static int is_member(const char* members, const char* name) {
  size_t size = raw_strlen(name);
  while (*members) {
    const char* end = members;
    while (*end && *end != ',') end++;
    if ((size_t)(end - members) == size && memcmp(members, name, size) == 0) return 1;
    members = *end ? end + 1 : end;
  }
  return 0;
}

// The groups that list `name` as a member.
static int find_groups(struct account* account, const char* name) {
  char* fields[FIELDS_MAX];
  struct lines lines;
  int failed = open_lines(&lines, "/etc/group");
  if (failed) return failed == -ENOENT ? 0 : failed;
  while (!failed && next_line(&lines, fields)) {
    uint32_t gid;
    if (parse_id(fields[2], &gid) || gid == account->gid || !is_member(fields[3], name)) continue;
    if (account->group_count == GROUPS_MAX) failed = -E2BIG;
    if (!failed) account->groups[account->group_count++] = gid;
  }
  close_lines(&lines);
  return failed;
}

// The group that was asked for by name or number; -ESRCH when /etc/group does not know the name.
static int find_group(struct account* account, const char* group) {
  char* fields[FIELDS_MAX];
  struct lines lines;
  if (!parse_id(group, &account->gid)) return 0;
  int failed = open_lines(&lines, "/etc/group");
  if (failed) return failed == -ENOENT ? -ESRCH : failed;
  failed = -ESRCH;
  while (failed && next_line(&lines, fields)) {
    if (raw_streq(fields[0], group) && !parse_id(fields[2], &account->gid)) failed = 0;
  }
  close_lines(&lines);
  return failed;
}

// `user[:group]` as Docker understands it: a group that is named replaces the user's groups.
// What an earlier step has found is forgotten.
static int find_account(struct account* account, const char* words) {
  account->gid = 0;
  account->group_count = 0;
  char user[USER_SIZE], name[USER_SIZE] = "";
  size_t size = 0;
  for (; words[size] && words[size] != ':'; size++) {
    if (size + 1 == sizeof user) return -EINVAL;
    user[size] = words[size];
  }
  user[size] = 0;
  const char* group = words[size] ? words + size + 1 : "";
  int failed = find_user(account, user, name);
  if (failed) return failed;
  if (*group) return find_group(account, group);
  return *name ? find_groups(account, name) : 0;
}

static int limit_bounding_set(uint64_t keep) {
  for (int capability = 0; capability < 64; capability++) {
    long present = raw(__NR_prctl, PR_CAPBSET_READ, capability, 0, 0, 0);
    if (present < 0) break;  // The kernel knows no more.
    if (!present || (keep >> capability & 1)) continue;
    long failed = raw(__NR_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (failed) return (int)failed;
  }
  return 0;
}

// Permitted and effective become what is left of `keep`; inheritable and ambient nothing, so that
// an exec as root gives exactly the bounding set, and as anybody else nothing.
static int limit_capabilities(uint64_t keep) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  long failed = raw(__NR_capget, &header, data);
  if (failed) return (int)failed;
  for (int i = 0; i < 2; i++) {
    data[i].permitted &= (uint32_t)(keep >> (32 * i));
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  failed = raw(__NR_capset, &header, data);
  raw(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);  // -EINVAL before Linux 4.3.
  return (int)failed;
}

// A program that opens /dev/stderr by its name asks for the pipe's permission, as its own user.
static void give_pipes(uint32_t uid) {
  for (int fd = 0; fd < REPORT_FD; fd++) {
    struct stat status;
    if (raw(__NR_fstat, fd, &status) || !S_ISFIFO(status.st_mode)) continue;
    raw(__NR_fchown, fd, uid, -1);  // Refused in the user namespace of an ordinary user.
  }
}

static int become(const struct account* account) {
  long failed = raw(__NR_setgroups, account->group_count, account->groups);
  // In a user namespace of an ordinary user, groups can't be set; its root has none but its own.
  if (failed == -EPERM && account->uid == 0) failed = 0;
  if (!failed) failed = raw(__NR_setresgid, account->gid, account->gid, account->gid);
  if (!failed) failed = raw(__NR_setresuid, account->uid, account->uid, account->uid);
  return (int)failed;
}

// The plan leaves `HOME=` empty where the image does not set it: only here is it known.
static void fill_home(char** envp, char* home) {
  for (; *envp; envp++) {
    if (raw_streq(*envp, "HOME=")) *envp = home;
  }
}

static int step_user(struct spawn* s) {
  static struct account account;  // Lives as long as the environment points into it.
  const char* user = word(s);
  uint64_t keep = 0;
  if (raw_parse_unsigned(word(s), 16, &keep) || s->malformed) return -EINVAL;
  int failed = find_account(&account, user);
  if (!failed) failed = limit_bounding_set(keep);
  if (!failed) give_pipes(account.uid);
  if (!failed) failed = become(&account);
  if (!failed) failed = limit_capabilities(account.uid == 0 ? keep : 0);
  if (!failed) fill_home(s->envp, account.home);
  return failed;
}

#endif  // SOLOCLOUD_SPAWN_USER_H_
