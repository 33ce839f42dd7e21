// Signals as records in a pipe: who sent them matters (the kernel's SIGINT is ctrl-alt-del, another
// process's is not), and Node's process.on() does not tell.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <vector>

constexpr int kSignals = 65;  // _NSIG

/** The pipe that each signal goes to. Written before the handler is installed, read only by it. */
static volatile int signal_pipes[kSignals];

/** Async-signal-safe. A full pipe drops the record; 4,096 fit, and the reader empties it. */
static void WriteSignal(int signal, siginfo_t* info, void*) {
  const int saved = errno;
  const int32_t record[4] = {signal, info->si_pid, static_cast<int32_t>(info->si_uid),
                             info->si_code};
  // Less than PIPE_BUF, so a record is written whole or not at all.
  const ssize_t written = write(signal_pipes[signal], record, sizeof record);
  static_cast<void>(written);
  errno = saved;
}

static int64_t SignalPipe(const std::vector<int32_t>& signals) {
  for (const int32_t signal : signals) {
    if (signal < 1 || signal >= kSignals) return -EINVAL;
  }
  int fds[2];
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
  for (const int32_t signal : signals) {
    struct sigaction action = {};
    action.sa_sigaction = WriteSignal;
    // SA_ONSTACK: a fault handler's alternate stack is the only one that is sure to have room.
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NOCLDSTOP;
    sigfillset(&action.sa_mask);
    signal_pipes[signal] = fds[1];
    if (sigaction(signal, &action, nullptr) != 0) {
      const int error = errno;
      // Handlers already installed write to a closed descriptor (EBADF), which does no harm.
      close(fds[0]);
      close(fds[1]);
      return -error;
    }
  }
  return fds[0];
}
