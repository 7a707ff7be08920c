// Random fills of dense memory. Element i depends on (seed, offset, i) alone: the stream is Philox4x32-10 as core/random.h
// lays it out, word w of an op being word w % 4 of block offset + w / 4.
//
//   uniform    u s + t; u in [0, 1), of word i (f64: words 2i, 2i + 1): its top 24 bits (f64: 53, f16: 11, bf16: 8)
//   normal     z s + t; elements 2j and 2j + 1 are Box and Muller's pair of words 2j and 2j + 1 (f64: 4j to 4j + 3)
//   bernoulli  whether word i < 2^32 p, as 0 or 1 of any dtype
//   integers   low + (64 bits of words 2i and 2i + 1) * (high - low) / 2^64, rounded down
//   permutation  of 0 ... n - 1, by Fisher and Yates: for i = n - 1, ..., 1 element i changes places with that of number
//              (64 bits of words 2d, high, and 2d + 1) * (i + 1) / 2^64, rounded down; d = n - 1 - i. CPU only
//   dropout    word i >= 2^32 p keeps: out = in * (keep ? 1 / (1 - p) : 0), mask = keep
//
// Bits are the same on every device and instruction set (but for Poisson's, whose exp and log are each machine's): all steps are integer operations and IEEE +, -, *, /, sqrt, each
// rounded by itself (never fused), in f64 for f64 and in f32 for the other floats.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/random_state.h"

namespace hotloop {

// Where `base` isn't null, it lies in the GPU's memory, the seed is read there, and the offset counts from what it says:
// a captured graph draws new numbers at each replay (core/capture.h).

struct RandomArgs {
  void* out;
  DType dtype;  // uniform and normal: floats; bernoulli: all; integers: integers and floats; permutation: i64
  int64_t n;    // elements
  uint64_t seed;
  uint64_t offset;      // the first block
  double scale, shift;  // s and t; bernoulli: scale is p
  int64_t low, high;    // integers: [low, high)
  const RandomState* base = nullptr;
};

// How many 32-bit words an op takes from the generator.
constexpr int64_t uniform_words(DType dtype, int64_t n) { return dtype == DType::f64 ? 2 * n : n; }
constexpr int64_t normal_words(DType dtype, int64_t n) { return (dtype == DType::f64 ? 2 : 1) * (n + (n & 1)); }
constexpr int64_t bernoulli_words(int64_t n) { return n; }
constexpr int64_t integers_words(int64_t n) { return 2 * n; }

// out[i]: drawn from the Poisson distribution of mean rate[i] >= 0. Element i takes its numbers from Philox blocks with
// the counter (low, high word of offset + i, attempt, 1), of which there are as many as it takes.
struct PoissonArgs {
  void* out;
  const void* rate;
  DType dtype;  // floats
  int64_t n;
  uint64_t seed, offset;
  const RandomState* base = nullptr;
};

struct DropoutArgs {
  void* out;
  bool* mask;
  const void* in;  // may be out
  DType dtype;     // floats
  int64_t n;
  uint64_t seed, offset;
  double p;  // of dropping; 1 drops all
  const RandomState* base = nullptr;
};

// grad_in = grad_out * (mask ? 1 / (1 - p) : 0)
struct DropoutBackwardArgs {
  void* grad_in;
  const void* grad_out;  // may be grad_in
  const bool* mask;
  DType dtype;
  int64_t n;
  double p;
};

}  // namespace hotloop
