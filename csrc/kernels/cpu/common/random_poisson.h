// Poisson numbers (kernels/args/random.h), by the steps of kernels/reference/random_poisson.cpp: a vector of elements at
// once, each with its own Philox block, until the last of them is done.
#pragma once

#include "kernels/args/random.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/random_philox.h"
#include "kernels/cpu/common/vec_math_exp.h"
#include "kernels/cpu/common/vec_math_log.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kPoissonChunk = 2048;  // elements; 10 to 60 us

// Two uniform numbers of (0, 1) for each element, of its attempt's block.
struct UniformPair {
  f64v first, second;
};
inline f64v open_uniform(u64v high, u64v low) {
  const u64v bits = high << 20 | (low & 0xffffffff) >> 12;
  return (__builtin_convertvector((i64v)bits, f64v) + 0.5) * 0x1p-52;
}
inline UniformPair uniform_pair(uint64_t seed, uint64_t first, uint32_t attempt) {
  const PhiloxBlocks b = philox_blocks(seed, first, attempt, 1);
  return {open_uniform(b.word[0] & 0xffffffff, b.word[1]), open_uniform(b.word[2] & 0xffffffff, b.word[3])};
}

// By a product of uniform numbers, for the elements of `active`; others keep what `drawn` holds.
inline f64v poisson_of_small(f64v rate, Mask<f64v> active, f64v drawn, uint64_t seed, uint64_t first) {
  const f64v limit = exp(f64v(-rate));
  f64v product = constant<f64v>(1), count{};
  const auto draw = [&](f64v uniform) {
    product *= uniform;
    const Mask<f64v> goes_on = active & (product > limit);
    drawn = select<f64v>(active & ~goes_on, count, drawn);
    count += 1;
    active = goes_on;
  };
  for (uint32_t attempt = 0; any(active); ++attempt) {
    const UniformPair uniform = uniform_pair(seed, first, attempt);
    draw(uniform.first);
    draw(uniform.second);
  }
  return drawn;
}

// log k!, k >= 0, within 1e-12: Stirling's series of k + 8, whose factors above k are divided out again.
inline f64v log_factorial(f64v k) {
  const f64v x = k + 9.0, w = 1.0 / x, z = w * w;
  f64v product = constant<f64v>(1);
  for (int i = 1; i <= 8; ++i) product *= k + double(i);
  const f64v series = w * (1 / 12.0 - z * (1 / 360.0 - z * (1 / 1260.0 - z * (1 / 1680.0 - z * (1 / 1188.0)))));
  return (x - 0.5) * log(x) - x + 0.9189385332046727 + series - log(product);
}

// By rejection. Most elements are accepted at once, without a logarithm.
inline f64v poisson_of_large(f64v rate, Mask<f64v> active, f64v drawn, uint64_t seed, uint64_t first) {
  const f64v b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b;
  const f64v inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (uint32_t attempt = 0; any(active); ++attempt) {
    const UniformPair uniform = uniform_pair(seed, first, attempt);
    const f64v u = uniform.first - 0.5, v = uniform.second, us = 0.5 - abs(u);
    const f64v k = floor(f64v((2 * a / us + b) * u + rate + 0.43));
    Mask<f64v> accepted = active & (us >= 0.07) & (v <= v_r);
    const Mask<f64v> open = active & ~accepted & ~((k < 0) | ((us < 0.013) & (v > us)));
    if (any(open)) {
      const f64v height = log(f64v(v * inverse_alpha / (a / (us * us) + b)));
      accepted |= open & (height <= k * log(rate) - rate - log_factorial(k));
    }
    drawn = select<f64v>(accepted, k, drawn);
    active &= ~accepted;
  }
  return drawn;
}

template <class T>
void poisson_numbers(const PoissonArgs& args) {
  constexpr int lanes = kLanes<double>;
  for_chunks((args.n + kPoissonChunk - 1) / kPoissonChunk, [&](int64_t chunk) {
    const int64_t end = smaller((chunk + 1) * kPoissonChunk, args.n);
    for (int64_t i = chunk * kPoissonChunk; i < end; i += lanes) {
      const int count = int(smaller<int64_t>(lanes, end - i));
      f64v rate{};
      for (int j = 0; j < count; ++j) rate[j] = double(to_compute(static_cast<const T*>(args.rate)[i + j]));
      const Mask<f64v> finite = (rate > 0) & (rate < __builtin_inf());
      const Mask<f64v> small = finite & (rate < 10), large = finite & ~small;
      f64v drawn = select<f64v>(rate <= 0, f64v{}, rate);  // infinite, or NaN
      if (any(small)) drawn = poisson_of_small(rate, small, drawn, args.seed, args.offset + uint64_t(i));
      if (any(large)) drawn = poisson_of_large(rate, large, drawn, args.seed, args.offset + uint64_t(i));
      for (int j = 0; j < count; ++j) static_cast<T*>(args.out)[i + j] = from_compute<T>(Compute<T>(drawn[j]));
    }
  });
}

void random_poisson(const PoissonArgs& args) {
  if (args.n == 0) return;
  switch (args.dtype) {
    case DType::f16: return poisson_numbers<half_t>(args);
    case DType::bf16: return poisson_numbers<bfloat16_t>(args);
    case DType::f32: return poisson_numbers<float>(args);
    default: return poisson_numbers<double>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
