// The addon's side of the life record (native/life.h) and of the loader's face. Without the loader
// there is none: -ENODEV.
#pragma once
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "arguments.h"
#include "guard.h"
#include "life.h"

/** NULL without the loader. */
static const loader_face* Face() {
  using FaceFn = const loader_face* (*)();
  const auto face = reinterpret_cast<FaceFn>(dlsym(RTLD_DEFAULT, "solocloud_loader_face"));
  return face == nullptr ? nullptr : face();
}

static life* Life() {
  static const loader_face* const face = Face();
  return face == nullptr ? nullptr : face->life;
}

/** Before the first thing is written at its place. */
static void UseChild(int32_t child) {
  if (child >= Life()->children) Life()->children = child + 1;
}

static bool IsChild(int32_t child) { return child >= 0 && child < LIFE_CHILDREN; }

namespace life_record {

/** In the order of `lifeNumbers` in sys/life.ts; `settable` are JavaScript's to set. */
struct Number {
  int64_t (*get)(const life&);
  void (*set)(life*, int64_t);
};

template <auto member>
constexpr Number ReadOnly() {
  return {[](const life& record) { return static_cast<int64_t>(record.*member); }, nullptr};
}

template <auto member>
constexpr Number Settable() {
  return {ReadOnly<member>().get, [](life* record, int64_t value) {
            using Field = std::remove_reference_t<decltype(record->*member)>;
            __atomic_store_n(&(record->*member), static_cast<Field>(value), __ATOMIC_RELEASE);
          }};
}

constexpr Number kNumbers[] = {
    ReadOnly<&life::lives>(),       ReadOnly<&life::boot_ms>(),
    Settable<&life::loop_count>(),  Settable<&life::loop_seconds>(),
    Settable<&life::watchdog_fd>(), Settable<&life::ending>(),
    ReadOnly<&life::faults>(),      Settable<&life::upgrade>(),
    Settable<&life::previous_fd>(), Settable<&life::trial_ends_ms>(),
    ReadOnly<&life::orphans>(),
};
constexpr int kNumberCount = sizeof kNumbers / sizeof *kNumbers;

}  // namespace life_record

static int64_t LifeNumber(int32_t which) {
  using namespace life_record;
  if (Life() == nullptr) return -ENODEV;
  return which >= 0 && which < kNumberCount ? kNumbers[which].get(*Life()) : -EINVAL;
}

static int64_t SetLifeNumber(int32_t which, int64_t value) {
  using namespace life_record;
  if (Life() == nullptr) return -ENODEV;
  if (which < 0 || which >= kNumberCount || kNumbers[which].set == nullptr) return -EINVAL;
  kNumbers[which].set(Life(), value);
  return 0;
}

static int64_t LifeText(Bytes text) {
  if (Life() == nullptr) return -ENODEV;
  const size_t length = strnlen(Life()->upgrade_reason, LIFE_REASON_SIZE);
  if (text.size < length) return -EINVAL;
  memcpy(text.data, Life()->upgrade_reason, length);
  return static_cast<int64_t>(length);
}

static int64_t LifeChild(int32_t child, Words result) {
  if (Life() == nullptr) return -ENODEV;
  if (!IsChild(child) || result.size < 3) return -EINVAL;
  result.data[0] = Life()->pids[child];
  result.data[1] = Life()->ended[child];
  result.data[2] = Life()->statuses[child];
  return 0;
}

static int64_t LifeForget(int32_t child) {
  if (Life() == nullptr) return -ENODEV;
  if (!IsChild(child)) return -EINVAL;
  // The pid first: without it the rest says nothing.
  __atomic_store_n(&Life()->pids[child], 0, __ATOMIC_RELEASE);
  Life()->ended[child] = 0;
  Life()->statuses[child] = 0;
  return 0;
}

static int64_t LifeNote(int32_t child, Bytes note) {
  if (Life() == nullptr) return -ENODEV;
  if (!IsChild(child)) return -EINVAL;
  // Not even looked at: a page of a memory file that is only read takes memory too.
  if (child >= Life()->children) return 0;
  uint32_t length = 0;
  memcpy(&length, Life()->notes[child], sizeof length);
  if (length > LIFE_NOTE_SIZE - sizeof length || note.size < length) return -EINVAL;
  memcpy(note.data, Life()->notes[child] + sizeof length, length);
  return length;
}

/** pwrite(2) within a page happens whole or not at all, as far as a death of this process goes. */
static int64_t SetLifeNote(int32_t child, Bytes note) {
  if (Life() == nullptr) return -ENODEV;
  if (!IsChild(child)) return -EINVAL;
  const auto length = static_cast<uint32_t>(note.size);
  if (length == 0 && child >= Life()->children) return 0;
  if (note.size > LIFE_NOTE_SIZE - sizeof length) return -EMSGSIZE;
  UseChild(child);
  char page[LIFE_NOTE_SIZE];
  memcpy(page, &length, sizeof length);
  memcpy(page + sizeof length, note.data, note.size);
  const off_t at = offsetof(life, notes) + static_cast<off_t>(child) * LIFE_NOTE_SIZE;
  if (pwrite(Face()->life_fd, page, sizeof length + note.size, at) < 0) return -errno;
  // Whoever has this place next begins without a line of this one.
  if (length == 0) {
    for (life_rest& rest : Life()->rests[child]) rest.committed &= ~uint64_t{0x1ffff};
  }
  return 0;
}

static int64_t LifeKeep(int32_t fd, int32_t kept) {
  if (Life() == nullptr) return -ENODEV;
  if (fd < 0 || fd >= LIFE_DESCRIPTORS) return -EINVAL;
  const auto bit = static_cast<uint8_t>(1 << (fd % 8));
  uint8_t* bits = &Life()->kept[fd / 8];
  *bits = static_cast<uint8_t>(kept != 0 ? *bits | bit : *bits & ~bit);
  return 0;
}

static int64_t LifeKept(Bytes bits) {
  if (Life() == nullptr) return -ENODEV;
  if (bits.size != sizeof Life()->kept) return -EINVAL;
  memcpy(bits.data, Life()->kept, bits.size);
  return 0;
}

static int64_t LifeDeath(int32_t index, Bytes bytes) {
  if (Life() == nullptr) return -ENODEV;
  if (index < 0 || index >= LIFE_DEATHS || bytes.size != sizeof(life_death)) return -EINVAL;
  const life_death& death = Life()->deaths[index];
  if (death.life == 0) return 0;
  memcpy(bytes.data, &death, sizeof death);
  return sizeof death;
}

static int64_t LifeDeathStored(int32_t index) {
  if (Life() == nullptr) return -ENODEV;
  if (index < 0 || index >= LIFE_DEATHS) return -EINVAL;
  Life()->deaths[index].life = 0;
  return 0;
}

static int64_t Die(const std::string& reason, const std::string& text) {
  if (Life() == nullptr) return -ENODEV;
  Face()->die(reason.c_str(), text.c_str());
}

static int64_t Become(int32_t fd) {
  if (Life() == nullptr) return -ENODEV;
  Life()->trial_lives = Life()->lives;
  return Face()->become(fd);
}

static int64_t Leave(int32_t status) {
  if (OwnsMachine()) return -EPERM;
  if (Life() == nullptr) return -ENODEV;
  Face()->leave(status);
}
