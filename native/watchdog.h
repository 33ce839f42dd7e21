// Ends a life whose event loop stands still. A thread counts its own seconds, not the clock's: a
// machine that was paused has missed one, not all of them. What it does when time is up allocates
// nothing and takes no lock, because the main thread may stand still inside of either.
#pragma once
#include <fcntl.h>
#include <linux/watchdog.h>
#include <node_api.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>
#include <v8-debug.h>
#include <v8-isolate.h>
#include <v8-local-handle.h>
#include <v8-primitive.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "arguments.h"
#include "guard.h"
#include "life-record.h"

constexpr int kFatalSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
constexpr uint64_t kBeatMs = 1000;
constexpr size_t kWatchdogStackSize = 128 * 1024;

/** There is one event loop, and so one of these. */
struct Watchdog {
  std::atomic<uint64_t> beats{0};     // Turns of the event loop, one a second.
  std::atomic<int32_t> ticks{0};      // So many seconds without one are a hang.
  std::atomic<int32_t> finish_in{0};  // Seconds until the shutdown is finished for it; 0: none.
  std::atomic<uint64_t> asked_at{0};  // The beat at which JavaScript was asked where it is.
  std::atomic<int32_t> device{-1};    // /dev/watchdog, fed by the event loop.
  v8::Isolate* isolate = nullptr;
  sem_t ask;
  uv_timer_t timer;
  bool beating = false;
  bool counting = false;
};

static Watchdog watchdog;

// --- Where JavaScript is, told by itself

/** `at f (file:1:2)`, a line a frame, as much as fits. */
static void WriteStack(v8::Isolate* isolate, char* text, size_t size) {
  const v8::HandleScope scope(isolate);
  const auto stack = v8::StackTrace::CurrentStackTrace(isolate, LIFE_FRAMES);
  size_t at = 0;
  for (int i = 0; i < stack->GetFrameCount() && at < size; i++) {
    const auto frame = stack->GetFrame(isolate, static_cast<uint32_t>(i));
    const v8::String::Utf8Value function(isolate, frame->GetFunctionName());
    const v8::String::Utf8Value script(isolate, frame->GetScriptName());
    const int written =
        snprintf(text + at, size - at, "    at %s (%s:%d:%d)\n", *function ? *function : "",
                 *script ? *script : "", frame->GetLineNumber(), frame->GetColumn());
    if (written > 0) at += static_cast<size_t>(written);
  }
}

/** On the main thread, inside the JavaScript that does not end. */
static void DieInJavaScript(v8::Isolate* isolate, void*) {
  static char text[LIFE_TEXT_SIZE];
  // It came back by itself, and what runs now has nothing to do with it.
  if (watchdog.beats.load() != watchdog.asked_at.load()) return;
  WriteStack(isolate, text, sizeof text);
  Face()->die("hang", text);
}

/** A thread of its own: RequestInterrupt allocates, which the counting thread must not wait for. */
static void* AskJavaScript(void*) {
  for (;;) {
    if (sem_wait(&watchdog.ask) == 0) {
      watchdog.isolate->RequestInterrupt(DieInJavaScript, nullptr);
    }
  }
  return nullptr;
}

// --- The count

/** What the main thread waits for, in the kernel's words. */
static void AddFile(char* text, size_t size, const char* path) {
  const size_t at = strlen(text);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t got = read(fd, text + at, size - at - 1);
  text[at + (got > 0 ? static_cast<size_t>(got) : 0)] = '\0';
  close(fd);
}

[[noreturn]] static void DieOutsideJavaScript() {
  static char text[LIFE_TEXT_SIZE] = "not in JavaScript; the main thread's system call and place: ";
  AddFile(text, sizeof text, "/proc/self/syscall");
  AddFile(text, sizeof text, "/proc/self/wchan");
  Face()->die("hang", text);
}

static void CountDown() {
  int32_t left = watchdog.finish_in.load();
  if (left == 1) Face()->die("shutdown did not end", nullptr);
  // Fails when another time was set meanwhile, which then counts from the next second on.
  if (left > 1) watchdog.finish_in.compare_exchange_strong(left, left - 1);
}

static void* Count(void*) {
  uint64_t seen = watchdog.beats.load();
  int32_t missed = 0;
  for (;;) {
    timespec second = {1, 0};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &second, &second) == EINTR) continue;
    CountDown();
    const uint64_t beats = watchdog.beats.load();
    const int32_t ticks = watchdog.ticks.load();
    missed = beats == seen ? missed + 1 : 0;
    seen = beats;
    if (ticks == 0 || missed < ticks) continue;
    if (missed > ticks) DieOutsideJavaScript();
    watchdog.asked_at.store(beats);
    sem_post(&watchdog.ask);
  }
  return nullptr;
}

// --- Its beginning, on the main thread

/** A detached thread that leaves every signal to the others but those of a fault of its own. */
static int StartThread(void* (*run)(void*), void* argument, size_t stack_size) {
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int signal : kFatalSignals) sigdelset(&blocked, signal);
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (stack_size > 0) pthread_attr_setstacksize(&attributes, stack_size);
  // A new thread inherits its creator's mask: set before, so that there is no moment without it.
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const int error = pthread_create(&thread, &attributes, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

static int StartCounting() {
  if (watchdog.counting) return 0;
  if (sem_init(&watchdog.ask, 0, 0) != 0) return errno;
  watchdog.isolate = v8::Isolate::GetCurrent();
  for (const auto run : {AskJavaScript, Count}) {
    if (const int error = StartThread(run, nullptr, kWatchdogStackSize); error != 0) return error;
  }
  watchdog.counting = true;
  return 0;
}

static void Beat(uv_timer_t*) {
  watchdog.beats.fetch_add(1);
  const int32_t device = watchdog.device.load();
  // One that does not take it resets the machine: there is nothing better to do about it.
  if (device >= 0) [[maybe_unused]]
    const ssize_t fed = write(device, "", 1);
}

static int StartBeating(napi_env env) {
  if (watchdog.beating) return 0;
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return ENOTSUP;
  // libuv's errors are -errno already.
  if (const int error = uv_timer_init(loop, &watchdog.timer); error != 0) return -error;
  watchdog.beating = true;
  uv_unref(reinterpret_cast<uv_handle_t*>(&watchdog.timer));
  const auto close = [](void*) {
    watchdog.ticks.store(0);
    uv_close(reinterpret_cast<uv_handle_t*>(&watchdog.timer), nullptr);
  };
  if (napi_add_env_cleanup_hook(env, close, nullptr) != napi_ok) return ENOMEM;
  return -uv_timer_start(&watchdog.timer, Beat, kBeatMs, kBeatMs);
}

/** watchdog(ticks, device). Again: with other numbers. */
static napi_value WatchdogStart(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  int32_t ticks = 0, device = -1;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok || count != 2 ||
      !From(env, values[0], &ticks) || !From(env, values[1], &device)) {
    return BadArgument(env);
  }
  if (Face() == nullptr) return Number(env, -ENODEV);
  if (ticks < 1) return Number(env, -EINVAL);
  watchdog.device.store(device);
  if (const int error = StartBeating(env); error != 0) return Number(env, -error);
  watchdog.ticks.store(ticks);
  return Number(env, -StartCounting());
}

static int64_t FinishWithin(int32_t seconds) {
  if (Face() == nullptr) return -ENODEV;
  if (seconds < 1) return -EINVAL;
  watchdog.finish_in.store(seconds);
  return -StartCounting();
}

static int64_t OpenWatchdog(int32_t seconds) {
  if (!OwnsMachine()) return -EPERM;
  if (seconds < 1) return -EINVAL;
  const int fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  // It counts from the moment it is open, and closing does not stop it. One that keeps a time of
  // its own is fed once a second like any other.
  int timeout = seconds;
  ioctl(fd, WDIOC_SETTIMEOUT, &timeout);
  return fd;
}
