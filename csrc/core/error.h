// The exceptions of the library; bindings translate each to Python's of the same name.
#pragma once

#include <stdexcept>
#include <string>

namespace hotloop {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct ValueError : Error {
  using Error::Error;
};
struct TypeError : Error {
  using Error::Error;
};
struct IndexError : Error {
  using Error::Error;
};
struct RuntimeError : Error {
  using Error::Error;
};
struct DTypeError : TypeError {  // a dtype that an op has no kernel for; NotImplementedError, too, as in PyTorch
  using TypeError::TypeError;
};
struct OutOfRangeError : IndexError {  // an index in a tensor; RuntimeError, too, as in PyTorch
  using IndexError::IndexError;
};
struct CaptureError : RuntimeError {  // what can't be done while a CUDA graph is captured
  using RuntimeError::RuntimeError;
};
struct OutOfMemory : Error {  // MemoryError in Python
  using Error::Error;
};

// printf-style message; never inlined, so that checks cost a compare and a jump.
template <class E>
[[noreturn, gnu::cold, gnu::format(printf, 1, 2)]] void fail(const char* format, ...);

extern template void fail<ValueError>(const char*, ...);
extern template void fail<TypeError>(const char*, ...);
extern template void fail<IndexError>(const char*, ...);
extern template void fail<RuntimeError>(const char*, ...);
extern template void fail<DTypeError>(const char*, ...);
extern template void fail<OutOfRangeError>(const char*, ...);
extern template void fail<CaptureError>(const char*, ...);
extern template void fail<OutOfMemory>(const char*, ...);

}  // namespace hotloop
