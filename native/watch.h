// Descriptors watched on Node's own event loop (uv_poll), for the pipes and sockets that PID 1
// reads itself.
#pragma once
#include <node_api.h>
#include <uv.h>

#include <memory>
#include <unordered_map>

#include "arguments.h"

struct Watched {
  uv_poll_t poll;  // Closed asynchronously: the struct outlives its place in `Watches` until then.
  napi_env env;
  napi_ref ready;
};

/** What belongs to one environment (Node's main thread). */
struct Watches {
  std::unordered_map<int, Watched*> by_fd;
  napi_async_context context = nullptr;
};

static Watches* WatchesOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Watches*>(data);
}

static void FreeWatched(uv_handle_t* handle) { delete static_cast<Watched*>(handle->data); }

static void Close(Watched* watched) {
  uv_poll_stop(&watched->poll);
  uv_close(reinterpret_cast<uv_handle_t*>(&watched->poll), FreeWatched);
}

/** Calls `ready`, with what it throws going to 'uncaughtException' like any callback's of Node's
 * own. */
static void CallReady(napi_env env, napi_ref ready) {
  napi_value function, receiver, error;
  if (napi_get_reference_value(env, ready, &function) != napi_ok ||
      napi_get_global(env, &receiver) != napi_ok) {
    return;
  }
  const napi_async_context context = WatchesOf(env)->context;
  if (napi_make_callback(env, context, receiver, function, 0, nullptr, nullptr) ==
          napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_fatal_exception(env, error);
  }
}

static void OnReady(uv_poll_t* poll, int status, int) {
  const auto watched = static_cast<Watched*>(poll->data);
  // libuv stops at POLLERR (a packet socket whose interface went down, say). The error is the
  // reader's to collect, and the watch goes on.
  if (status < 0) uv_poll_start(poll, UV_READABLE, OnReady);
  // `ready` may unwatch itself, which frees `watched` only in a later turn of the loop, but its
  // reference at once; the handle scope keeps the function.
  const napi_env env = watched->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  CallReady(env, watched->ready);
  napi_close_handle_scope(env, scope);
}

static int64_t EndWatch(napi_env env, int fd) {
  Watches* watches = WatchesOf(env);
  const auto found = watches->by_fd.find(fd);
  if (found == watches->by_fd.end()) return UV_ENOENT;
  Watched* watched = found->second;
  watches->by_fd.erase(found);
  napi_delete_reference(env, watched->ready);
  Close(watched);
  return 0;
}

static napi_value Watch(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2;
  int32_t fd = -1;
  napi_valuetype type = napi_undefined;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok || count != 2 ||
      !From(env, values[0], &fd) || napi_typeof(env, values[1], &type) != napi_ok ||
      type != napi_function) {
    return BadArgument(env);
  }
  uv_loop_s* loop = nullptr;
  Watches* watches = WatchesOf(env);
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Number(env, UV_ENOTSUP);
  if (watches->by_fd.contains(fd)) return Number(env, UV_EEXIST);
  auto watched = std::make_unique<Watched>();
  // libuv's errors are -errno already. uv_poll_init makes the descriptor non-blocking.
  if (const int error = uv_poll_init(loop, &watched->poll, fd); error != 0) {
    return Number(env, error);
  }
  watched->env = env;
  watched->poll.data = watched.get();
  Watched* kept = watched.release();
  if (napi_create_reference(env, values[1], 1, &kept->ready) != napi_ok) {
    Close(kept);
    return Number(env, UV_ENOMEM);
  }
  watches->by_fd[fd] = kept;
  const int error = uv_poll_start(&kept->poll, UV_READABLE, OnReady);
  if (error != 0) EndWatch(env, fd);
  return Number(env, error);
}

static napi_value Unwatch(napi_env env, napi_callback_info info) {
  napi_value value;
  size_t count = 1;
  int32_t fd = -1;
  if (napi_get_cb_info(env, info, &count, &value, nullptr, nullptr) != napi_ok || count != 1 ||
      !From(env, value, &fd)) {
    return BadArgument(env);
  }
  return Number(env, EndWatch(env, fd));
}

/** At the environment's end: handles left open would keep its loop from closing. */
static void CloseWatches(void* data) {
  const auto watches = static_cast<Watches*>(data);
  for (const auto& [fd, watched] : watches->by_fd) Close(watched);
  watches->by_fd.clear();
}

static bool PrepareWatches(napi_env env) {
  auto watches = std::make_unique<Watches>();
  napi_value name;
  if (napi_create_string_utf8(env, "solocloud:watch", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, nullptr, name, &watches->context) != napi_ok ||
      napi_add_env_cleanup_hook(env, CloseWatches, watches.get()) != napi_ok) {
    return false;
  }
  const auto free_watches = [](napi_env, void* data, void*) { delete static_cast<Watches*>(data); };
  return napi_set_instance_data(env, watches.release(), free_watches, nullptr) == napi_ok;
}
