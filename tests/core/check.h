// A test framework in a page. TEST(family, name) { ... CHECK(condition); } registers a test; main runs
// those whose family is named on the command line, or all.
#pragma once

#include <cstdio>
#include <exception>
#include <functional>
#include <string>

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

namespace check {

struct Test {
  const char* family;
  const char* name;
  void (*run)();
  Test* next;

  Test(const char* family, const char* name, void (*run)());
};

struct Skipped {
  std::string reason;
};

// Counts a failure of the running test; may be called from any thread.
void report(const char* file, int line, const std::string& what);

// What the exception of type E thrown by `body` says; a failure and "" when it throws none.
template <class E>
std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  }
  report(__FILE__, __LINE__, "no exception of the type asked for was thrown");
  return "";
}

// Runs `body` in a forked child. True when it returned and the child ended with exit code 0 within the
// time; the child is killed after it.
bool passes_in_child(const std::function<void()>& body, double seconds);

// Whether a forked child can start threads here. It cannot under ThreadSanitizer and in QEMU's user mode.
bool threads_start_in_children();

// Threads of this process now.
int thread_count();

}  // namespace check

#define TEST(family, name)                                                    \
  static void family##_##name();                                              \
  static check::Test family##_##name##_test(#family, #name, family##_##name); \
  static void family##_##name()

#define CHECK(condition)                             \
  do {                                               \
    if (!(condition)) {                              \
      check::report(__FILE__, __LINE__, #condition); \
    }                                                \
  } while (false)

#define CHECK_EQUAL(a, b)                                                                           \
  do {                                                                                              \
    const auto a_value = (a);                                                                       \
    const auto b_value = (b);                                                                       \
    if (!(a_value == b_value)) {                                                                    \
      check::report(__FILE__, __LINE__,                                                             \
                    #a " == " #b ", got " + check::show(a_value) + " and " + check::show(b_value)); \
    }                                                                                               \
  } while (false)

#define NEEDS_THREADS_IN_CHILDREN()                                              \
  if (!check::threads_start_in_children()) {                                     \
    throw check::Skipped{"a forked child cannot start threads in this setting"}; \
  }

namespace check {

inline std::string show(const std::string& x) { return "'" + x + "'"; }
inline std::string show(const char* x) { return show(std::string(x)); }
template <class T>
std::string show(const T& x) {
  return std::to_string(x);
}

}  // namespace check
