// Fuzz harness: the addon's argument conversion (native/arguments.h) with JavaScript values of any
// kind, through a Node-API of our own. Either the function gets exactly what JavaScript gave, or a
// TypeError is thrown. Input: a byte for the function, then each value: a byte for its kind and its
// content.
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>

#include "arguments.h"

extern "C" {
#include "fuzz-kernel.h"
}

enum class Kind { kNumber, kString, kBytes, kWords, kArray, kSparseArray, kFloats, kOther, kEnd };

struct Value {
  Kind kind = Kind::kOther;
  double number = 0;
  std::string text;  // UTF-8, as V8 gives it
  std::vector<int32_t> words;
  std::vector<Value*> items;
  uint32_t length = 0;  // of a sparse array, which has no items
};

constexpr int kDepthMax = 3, kItemsMax = 12;
constexpr size_t kValuesMax = 6;
constexpr double kNumbers[] = {0,
                               -1,
                               2147483647,
                               2147483648,
                               -2147483649.0,
                               4294967295,
                               4294967296,
                               0.5,
                               9007199254740992,
                               1e300,
                               std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()};

static struct {
  const uint8_t *at, *end;
  std::deque<Value> values;
  std::vector<Value*> given;
  int called, thrown, returned;
} js;

static uint8_t Byte() { return js.at < js.end ? *js.at++ : 0; }

static Value* Other(napi_value value) { return reinterpret_cast<Value*>(value); }

static double SomeNumber() {
  const uint8_t byte = Byte();
  if (byte < std::size(kNumbers)) return kNumbers[byte];
  int32_t bits = 0;
  for (int i = 0; i < 4; ++i)
    bits = static_cast<int32_t>(static_cast<uint32_t>(bits) << 8 | Byte());
  return bits;
}

static Value* Make(int depth) {
  js.values.emplace_back();
  Value* value = &js.values.back();
  value->kind = static_cast<Kind>(Byte() % static_cast<int>(Kind::kEnd));
  if (value->kind == Kind::kNumber) value->number = SomeNumber();
  // As `new Array(2 ** 30)` makes one.
  if (value->kind == Kind::kSparseArray) value->length = 1U << Byte() % 32;
  if (value->kind == Kind::kString || value->kind == Kind::kBytes) {
    for (int left = Byte(); left > 0; --left) value->text.push_back(static_cast<char>(Byte()));
  }
  if (value->kind == Kind::kWords) value->words.resize(Byte() % kItemsMax, 7);
  if (value->kind == Kind::kArray && depth < kDepthMax) {
    for (int left = Byte() % kItemsMax; left > 0; --left) value->items.push_back(Make(depth + 1));
  }
  return value;
}

// Node-API as its documentation has it, for the calls that arguments.h makes.
extern "C" {

napi_status napi_get_value_double(napi_env, napi_value value, double* result) {
  if (Other(value)->kind != Kind::kNumber) return napi_number_expected;
  *result = Other(value)->number;
  return napi_ok;
}

napi_status napi_get_value_string_utf8(napi_env, napi_value value, char* to, size_t size,
                                       size_t* result) {
  const Value* string = Other(value);
  if (string->kind != Kind::kString) return napi_string_expected;
  if (to == nullptr) {
    *result = string->text.size();
    return napi_ok;
  }
  const size_t copied = size == 0 ? 0 : std::min(size - 1, string->text.size());
  std::memcpy(to, string->text.data(), copied);
  if (size > 0) to[copied] = 0;
  *result = copied;
  return napi_ok;
}

napi_status napi_is_typedarray(napi_env, napi_value value, bool* result) {
  const Kind kind = Other(value)->kind;
  *result = kind == Kind::kBytes || kind == Kind::kWords || kind == Kind::kFloats;
  return napi_ok;
}

napi_status napi_get_typedarray_info(napi_env, napi_value value, napi_typedarray_type* type,
                                     size_t* length, void** data, napi_value*, size_t*) {
  Value* array = Other(value);
  *type = array->kind == Kind::kBytes   ? napi_uint8_array
          : array->kind == Kind::kWords ? napi_int32_array
                                        : napi_float64_array;
  *length = array->kind == Kind::kBytes ? array->text.size() : array->words.size();
  *data = array->kind == Kind::kBytes ? static_cast<void*>(array->text.data())
                                      : static_cast<void*>(array->words.data());
  return napi_ok;
}

napi_status napi_is_array(napi_env, napi_value value, bool* result) {
  *result = Other(value)->kind == Kind::kArray || Other(value)->kind == Kind::kSparseArray;
  return napi_ok;
}

napi_status napi_get_array_length(napi_env, napi_value value, uint32_t* result) {
  const Value* array = Other(value);
  *result =
      array->kind == Kind::kArray ? static_cast<uint32_t>(array->items.size()) : array->length;
  return napi_ok;
}

napi_status napi_get_element(napi_env, napi_value value, uint32_t index, napi_value* result) {
  static Value undefined;
  const Value* array = Other(value);
  const bool there = index < array->items.size();
  *result = reinterpret_cast<napi_value>(there ? array->items[index] : &undefined);
  return napi_ok;
}

napi_status napi_create_int64(napi_env, int64_t, napi_value* result) {
  static Value number;
  js.returned++;
  *result = reinterpret_cast<napi_value>(&number);
  return napi_ok;
}

napi_status napi_throw_type_error(napi_env, const char*, const char*) {
  js.thrown++;
  return napi_ok;
}

napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t* count, napi_value* values,
                             napi_value*, void**) {
  static Value undefined;
  for (size_t i = 0; i < *count; ++i) {
    Value* value = i < js.given.size() ? js.given[i] : &undefined;
    values[i] = reinterpret_cast<napi_value>(value);
  }
  *count = js.given.size();
  return napi_ok;
}

}  // extern "C"

// What a function got is what was given.

static void Same(int64_t got, const Value& given) {
  MUST(given.kind == Kind::kNumber && static_cast<double>(got) == given.number,
       "a number arrives as another one");
}

static void Same(const std::string& got, const Value& given) {
  MUST(given.kind == Kind::kString && got == given.text, "a string arrives as another one");
  MUST(std::strlen(got.c_str()) == got.size(), "the kernel would see less of a string");
}

static void Same(Bytes got, const Value& given) {
  MUST(given.kind == Kind::kBytes && got.size == given.text.size(), "bytes of another size");
  fuzz_touch(got.data, got.size);
}

static void Same(Words got, const Value& given) {
  MUST(given.kind == Kind::kWords && got.size == given.words.size(), "words of another size");
  fuzz_touch(got.data, got.size * sizeof *got.data);
}

template <typename T>
static void Same(const std::vector<T>& got, const Value& given) {
  MUST(given.kind == Kind::kArray, "an array from something else");
  MUST(got.size() == given.items.size(), "an array of another size");
  for (size_t i = 0; i < got.size(); ++i) Same(got[i], *given.items[i]);
}

template <typename... A>
static int64_t Take(A... arguments) {
  size_t index = 0;
  (Same(arguments, *js.given[index++]), ...);
  js.called++;
  return 0;
}

// The forms that native/syscalls.cc has.
using std::string;
using Strings = std::vector<string>;
using Numbers = std::vector<int32_t>;
static const napi_callback kForms[] = {
    Callback<Take<>>::value,
    Callback<Take<string, string, string, int64_t, string>>::value,
    Callback<Take<string, int32_t, int32_t, int32_t>>::value,
    Callback<Take<int32_t, int64_t, int64_t>>::value,
    Callback<Take<string, string, Bytes>>::value,
    Callback<Take<Strings, Strings, int64_t, Numbers>>::value,
    Callback<Take<Words, int32_t>>::value,
    Callback<Take<int32_t, Bytes, int32_t, Bytes>>::value,
    Callback<Take<int32_t, int64_t, Bytes>>::value,
    Callback<Take<Numbers>>::value,
    Callback<Take<int32_t, string, int32_t>>::value,
    Callback<Take<int32_t, int32_t, string, int32_t>>::value,
    Callback<Take<string, int32_t>>::value,
    Callback<Take<int32_t, string, Bytes>>::value,
};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  js = {};
  js.at = data;
  js.end = data + size;
  const napi_callback form = kForms[Byte() % std::size(kForms)];
  while (js.at < js.end && js.given.size() < kValuesMax) js.given.push_back(Make(0));
  const napi_value result = form(nullptr, nullptr);
  MUST(js.called + js.thrown == 1, "neither called nor refused, or both");
  MUST((js.thrown == 1) == (result == nullptr), "an error with a result");
  return 0;
}
