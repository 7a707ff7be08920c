// The profiler: a listener at the door that adds up calls, time, operations and bytes an op.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace hotloop {

struct ProfileRow {
  const char* op;
  const char* kernel;  // the one that dispatch chose last for this op and dtype; "" where it has but one
  DType dtype;         // of the op's first output
  int64_t calls;
  double seconds;  // in the door: memory, kernel and the tape's record
  double flops;
  double bytes;
};

void install_profiler();  // makes it the door's listener kProfiler

// Of the calling thread, and what backward runs in it. Throws RuntimeError where already started.
void profile_start();
std::vector<ProfileRow> profile_stop();  // in order of first call

}  // namespace hotloop
