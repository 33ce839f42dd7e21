// Log lines that a death neither loses nor doubles. A chunk goes from its pipe into a memory file
// whose position the kernel moves along with the bytes (splice(2)): there is no moment at which
// they are in neither. The chunk counts until its stream's sequence says that the log file has it.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "life-record.h"

namespace life_log_bits {
constexpr int kSequenceShift = 17;
constexpr uint64_t kBuffer = uint64_t{1} << 16, kLength = 0xffff;
constexpr size_t kPendingNumbers = 5;
}  // namespace life_log_bits

static bool IsStream(int32_t child, int32_t stream) {
  return IsChild(child) && (stream == 0 || stream == 1);
}

static int64_t LogTake(int32_t fd, int32_t child, int32_t stream, int64_t wall_ms, Bytes bytes) {
  life* record = Life();
  if (record == nullptr) return -ENODEV;
  if (!IsStream(child, stream)) return -EINVAL;
  // First: the chunk before is committed, and the new one has no bytes yet.
  if (lseek(record->log_fd, 0, SEEK_SET) != 0) return -errno;
  const uint64_t committed = record->rests[child][stream].committed;
  record->log = {child, stream, (committed >> life_log_bits::kSequenceShift) + 1, wall_ms, -1, 0};
  const size_t most = std::min<size_t>(bytes.size, LIFE_LOG_SIZE);
  const ssize_t count = splice(fd, nullptr, record->log_fd, nullptr, most, SPLICE_F_NONBLOCK);
  if (count <= 0) return count < 0 ? -errno : 0;
  return pread(record->log_fd, bytes.data, static_cast<size_t>(count), 0) == count ? count : -EIO;
}

static int64_t LogBatch(int64_t file_size, int64_t batches) {
  if (Life() == nullptr) return -ENODEV;
  life_log& log = Life()->log;
  // In between, no batch is under way and the ones before are in the file.
  log.file_size = -1;
  __atomic_store_n(&log.batches, batches, __ATOMIC_RELEASE);
  __atomic_store_n(&log.file_size, file_size, __ATOMIC_RELEASE);
  return 0;
}

static int64_t LogCommit(int32_t child, int32_t stream, Bytes rest) {
  using namespace life_log_bits;
  life* record = Life();
  if (record == nullptr) return -ENODEV;
  if (!IsStream(child, stream) || rest.size > LIFE_REST_SIZE) return -EINVAL;
  uint64_t* committed = &record->rests[child][stream].committed;
  const uint64_t sequence = (*committed >> kSequenceShift) + 1;
  const uint64_t buffer = rest.size == 0 ? *committed & kBuffer : ~*committed & kBuffer;
  // Not through the mapping: where the record lies on a disk that is full, that would be SIGBUS.
  const char* line = record->lines[child][stream][buffer != 0];
  const off_t at = line - reinterpret_cast<const char*>(record);
  if (pwrite(Face()->life_fd, rest.data, rest.size, at) < 0) return -errno;
  __atomic_store_n(committed, sequence << kSequenceShift | buffer | rest.size, __ATOMIC_RELEASE);
  return 0;
}

static int64_t LogPending(Bytes bytes, Doubles about) {
  using namespace life_log_bits;
  const life* record = Life();
  if (record == nullptr) return -ENODEV;
  const life_log& log = record->log;
  if (about.size < kPendingNumbers || bytes.size < LIFE_LOG_SIZE) return -EINVAL;
  const off_t size = lseek(record->log_fd, 0, SEEK_CUR);
  if (size <= 0 || !IsStream(log.child, log.stream)) return 0;
  if (record->rests[log.child][log.stream].committed >> kSequenceShift >= log.sequence) return 0;
  const double numbers[kPendingNumbers] = {
      static_cast<double>(log.child), static_cast<double>(log.stream),
      static_cast<double>(log.wall_ms), static_cast<double>(log.file_size),
      static_cast<double>(log.batches)};
  memcpy(about.data, numbers, sizeof numbers);
  const auto count = static_cast<size_t>(size);
  return pread(record->log_fd, bytes.data, count, 0) == size ? size : -EIO;
}

static int64_t LogRest(int32_t child, int32_t stream, Bytes rest) {
  using namespace life_log_bits;
  if (Life() == nullptr) return -ENODEV;
  if (!IsStream(child, stream)) return -EINVAL;
  const uint64_t committed = Life()->rests[child][stream].committed;
  const size_t length = committed & kLength;
  if (rest.size < length) return -EINVAL;
  memcpy(rest.data, Life()->lines[child][stream][(committed & kBuffer) != 0], length);
  return static_cast<int64_t>(length);
}
