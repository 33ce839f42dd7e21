// Turns a plain C++ function into a JavaScript one: numbers, strings, bytes and arrays in, a number
// out. A wrong type throws; nothing else does.
#pragma once
#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

/** A Uint8Array's memory, valid during the call. */
struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

/** An Int32Array's memory, valid during the call. */
struct Words {
  int32_t* data = nullptr;
  size_t size = 0;
};

/** A Float64Array's memory, valid during the call. */
struct Doubles {
  double* data = nullptr;
  size_t size = 0;
};

/** A whole number within the limits. Node-API's own integers wrap, clamp, and take NaN for 0, which
 * is "my process group" to kill(2). */
inline bool FromWhole(napi_env env, napi_value value, double min, double max, double* out) {
  return napi_get_value_double(env, value, out) == napi_ok && *out >= min && *out <= max &&
         std::trunc(*out) == *out;
}

inline bool From(napi_env env, napi_value value, int32_t* out) {
  double number = 0;
  if (!FromWhole(env, value, INT32_MIN, INT32_MAX, &number)) return false;
  *out = static_cast<int32_t>(number);
  return true;
}

inline bool From(napi_env env, napi_value value, int64_t* out) {
  constexpr double kSafeMax = 9007199254740991;  // Number.MAX_SAFE_INTEGER
  double number = 0;
  if (!FromWhole(env, value, -kSafeMax, kSafeMax, &number)) return false;
  *out = static_cast<int64_t>(number);
  return true;
}

inline bool From(napi_env env, napi_value value, std::string* out) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return false;
  out->resize(size);
  // A NUL inside would silently shorten what the kernel sees.
  return napi_get_value_string_utf8(env, value, out->data(), size + 1, &size) == napi_ok &&
         out->find('\0') == std::string::npos;
}

inline bool FromTypedArray(napi_env env, napi_value value, napi_typedarray_type wanted, void** data,
                           size_t* size) {
  bool is_typed_array = false;
  if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array) return false;
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, size, data, nullptr, nullptr) == napi_ok &&
         type == wanted;
}

inline bool From(napi_env env, napi_value value, Bytes* out) {
  void* data = nullptr;
  if (!FromTypedArray(env, value, napi_uint8_array, &data, &out->size)) return false;
  out->data = static_cast<uint8_t*>(data);
  return true;
}

inline bool From(napi_env env, napi_value value, Words* out) {
  void* data = nullptr;
  if (!FromTypedArray(env, value, napi_int32_array, &data, &out->size)) return false;
  out->data = static_cast<int32_t*>(data);
  return true;
}

inline bool From(napi_env env, napi_value value, Doubles* out) {
  void* data = nullptr;
  if (!FromTypedArray(env, value, napi_float64_array, &data, &out->size)) return false;
  out->data = static_cast<double*>(data);
  return true;
}

template <typename T>
bool From(napi_env env, napi_value value, std::vector<T>* out) {
  bool is_array = false;
  uint32_t size = 0;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, value, &size) != napi_ok) {
    return false;
  }
  // One by one: the length of a sparse array is no measure of what is in it.
  for (uint32_t i = 0; i < size; ++i) {
    napi_value item;
    T one{};
    if (napi_get_element(env, value, i, &item) != napi_ok || !From(env, item, &one)) return false;
    out->push_back(std::move(one));
  }
  return true;
}

inline napi_value Number(napi_env env, int64_t number) {
  napi_value result = nullptr;
  napi_create_int64(env, number, &result);
  return result;
}

inline napi_value BadArgument(napi_env env) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "syscalls: bad argument");
  return nullptr;
}

template <typename... T, size_t... I>
bool FromAll([[maybe_unused]] napi_env env, [[maybe_unused]] const napi_value* values,
             [[maybe_unused]] std::tuple<T...>* out, std::index_sequence<I...>) {
  return (From(env, values[I], &std::get<I>(*out)) && ...);
}

/** The napi callback of `function`: int64_t (*)(A...). */
template <auto function, typename... A>
napi_value Invoke(napi_env env, napi_callback_info info) {
  napi_value values[sizeof...(A) + 1];
  size_t count = sizeof...(A) + 1;
  std::tuple<std::decay_t<A>...> arguments;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok ||
      count != sizeof...(A) || !FromAll(env, values, &arguments, std::index_sequence_for<A...>{})) {
    return BadArgument(env);
  }
  return Number(env, std::apply(function, arguments));
}

template <auto function>
struct Callback;

template <typename... A, int64_t (*function)(A...)>
struct Callback<function> {
  static constexpr napi_callback value = Invoke<function, A...>;
};
