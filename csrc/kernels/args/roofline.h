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

// Runs over `bytes` of each array `repeats` times, as
//   read    sum of source
//   copy    target = source
//   triad   target = source + 3 * source2     (f32)
// Arrays are 64-byte aligned and `bytes` is a multiple of 512; source2 is read by triad alone. Memory
// has two ways, of which one machine prefers this and one that: `other_way` reads eight parts of source side by side, and
// writes target around the caches where the instruction set can.
struct StreamArgs {
  std::byte* target;
  const std::byte* source;
  const std::byte* source2;
  int64_t bytes;
  int64_t repeats;
  bool other_way;
  double* sink;
};

}  // namespace hotloop
