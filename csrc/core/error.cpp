#include "core/error.h"

#include <cstdarg>
#include <cstdio>

namespace hotloop {

namespace {

std::string format_message(const char* format, va_list arguments) {
  char buffer[512];
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(buffer, sizeof buffer, format, arguments);
  std::string message;
  if (length < 0) {
    message = format;
  } else if (size_t(length) < sizeof buffer) {
    message.assign(buffer, size_t(length));
  } else {
    message.resize(size_t(length));
    std::vsnprintf(message.data(), size_t(length) + 1, format, again);
  }
  va_end(again);
  return message;
}

}  // namespace

template <class E>
void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::string message = format_message(format, arguments);
  va_end(arguments);
  throw E(message);
}

template void fail<ValueError>(const char*, ...);
template void fail<TypeError>(const char*, ...);
template void fail<IndexError>(const char*, ...);
template void fail<RuntimeError>(const char*, ...);
template void fail<DTypeError>(const char*, ...);
template void fail<OutOfRangeError>(const char*, ...);
template void fail<CaptureError>(const char*, ...);
template void fail<OutOfMemory>(const char*, ...);

}  // namespace hotloop
