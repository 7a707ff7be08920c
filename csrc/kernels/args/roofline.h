// What this machine can do at most: chains of independent fused multiply-adds, and streams through
// memory. Measured, never looked up; csrc/profile/roofline.h times these.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotloop {

// Runs `iterations` rounds of as many independent multiply-add chains as hide the latency, all in
// registers. Writes the floating-point operations of one round (a multiply-add counts two; the kernels
// of bf16 count each product and each sum) and a value that depends on every chain, so that none may
// be dropped.
struct ComputeArgs {
  int64_t iterations;
  double* flops_per_iteration;
  double* sink;
};

// Memory has several ways, of which one machine prefers this and one that.
enum class StreamWay : uint8_t {
  plain,
  around,  // reads eight parts of source side by side, and writes around the caches where the instruction set can
  ahead,   // reads in one run, asked for a page ahead, and writes as `around` does
};

// Runs over `bytes` of each array `repeats` times, as
//   read    sum of source
//   copy    target = source
//   triad   target = source + 3 * source2     (f32)
//   update  target = 3 * target               (f32; never around the caches, which have it)
// Arrays are 64-byte aligned and `bytes` is a multiple of 512; source2 is read by triad alone.
struct StreamArgs {
  std::byte* target;
  const std::byte* source;
  const std::byte* source2;
  int64_t bytes;
  int64_t repeats;
  StreamWay way;
  double* sink;
};

}  // namespace hotloop
