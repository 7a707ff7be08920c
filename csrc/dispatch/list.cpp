#include "dispatch/list.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hotloop::dispatch {

const char* last_kernel() { return detail::last; }

namespace detail {

thread_local const char* last = "";

static bool read_verbose() {
  const char* value = std::getenv("HOTLOOP_VERBOSE");
  return value && std::strstr(value, "dispatch");
}
bool verbose = read_verbose();

void print(const char* op, DType dtype, const char* kernel, const char* reason) {
  if (reason)
    std::fprintf(stderr, "hotloop dispatch: %s %s: not %s: %s\n", op, name(dtype), kernel, reason);
  else
    std::fprintf(stderr, "hotloop dispatch: %s %s: %s\n", op, name(dtype), kernel);
}

}  // namespace detail
}  // namespace hotloop::dispatch
