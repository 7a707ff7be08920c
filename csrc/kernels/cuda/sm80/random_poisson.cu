// Poisson numbers (kernels/args/random.h), by the steps of kernels/reference/random_poisson.cpp: a thread an element. Bound
// by f64 arithmetic; threads of a warp wait for the one that needs most attempts. Called by dispatch/random.cpp.
// Never run on a GPU yet.
#include "kernels/args/random.h"
#include "kernels/cuda/common/elements.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/philox.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kThreads = 256;

// Uniform numbers of (0, 1) for one element.
struct Uniforms {
  uint64_t seed, block;
  uint32_t attempt = 0;
  bool half_left = false;
  uint64_t left = 0;

  __device__ __forceinline__ double next() {
    uint64_t bits = left;
    if (!half_left) {
      uint32_t words[4];
      philox(seed, block, attempt++, 1, words);
      bits = uint64_t(words[0]) << 32 | words[1];
      left = uint64_t(words[2]) << 32 | words[3];
    }
    half_left = !half_left;
    return (double(int64_t(bits >> 12)) + 0.5) * 0x1p-52;
  }
};

__device__ inline double poisson_of_small(double rate, Uniforms& uniform) {
  const double limit = ::exp(-rate);
  double count = -1, product = 1;
  do {
    product *= uniform.next();
    count += 1;
  } while (product > limit);
  return count;
}

__device__ inline double poisson_of_large(double rate, Uniforms& uniform) {
  const double b = 0.931 + 2.53 * ::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = uniform.next() - 0.5, v = uniform.next(), us = 0.5 - ::fabs(u);
    const double k = ::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (::log(v * inverse_alpha / (a / (us * us) + b)) <= k * ::log(rate) - rate - ::lgamma(k + 1)) return k;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    poisson(T* out, const T* rates, int64_t n, RandomState given, const RandomState* base) {
  const RandomState from = beginning(given, base);
  for (int64_t i = grid_index(); i < n; i += grid_stride()) {
    const double rate = double(convert<Compute<T>>(rates[i]));
    Uniforms uniform{from.seed, from.offset + uint64_t(i)};
    double drawn = rate;  // infinite, or NaN
    if (rate <= 0) {
      drawn = 0;
    } else if (rate < 10) {
      drawn = poisson_of_small(rate, uniform);
    } else if (rate <= 0x1.fffffffffffffp1023) {
      drawn = poisson_of_large(rate, uniform);
    }
    out[i] = convert<T>(Compute<T>(drawn));
  }
}

}  // namespace

void random_poisson(const PoissonArgs& args, GpuStream stream) {
  with_float(args.dtype, [&](auto element) {
    using T = decltype(element);
    const Grid grid = grid_for(args.n, kThreads);
    launch(stream, grid.blocks, grid.threads, 0, poisson<T>, static_cast<T*>(args.out),
           static_cast<const T*>(args.rate), args.n, RandomState{args.seed, args.offset}, args.base);
  });
}

}  // namespace hotloop::sm80
