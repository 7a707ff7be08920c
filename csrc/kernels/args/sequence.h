// out[i] = start + i * step, i in [0, n): contiguous, in double or (whole) in int64 arithmetic. A linspace
// counts its second half back from `end`, so that both ends are exact.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop {

struct SequenceArgs {
  DType dtype;
  bool whole;     // int64 arithmetic; n_start and n_step are read
  bool from_end;  // linspace: end is read
  int64_t n;
  int64_t n_start, n_step;
  double start, step, end;
  void* out;
};

}  // namespace hotloop
