// Random fills and dropout (kernels/args/random.h), with the bits of the CPU's kernels (kernels/cpu/common/random.h).
//
// A thread makes the Philox blocks of 16 bytes of elements in registers, turns their words into numbers and stores
// them at once; no state is read or kept. Bound by memory, 16-bit floats and bytes by the 10 rounds a block.
// Called by dispatch/random.cpp. Never run on a GPU yet.
#include "kernels/args/random.h"

#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/packs.h"
#include "kernels/cuda/common/philox.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

__device__ __forceinline__ uint64_t word_pair(const uint32_t* words) { return words[0] | uint64_t(words[1]) << 32; }

// --- from words to numbers ------------------------------------------------------------------------------
// Each turns the words of kElements elements, kWords an element, into those elements.

template <class T>
struct Uniform {
  static constexpr int kWords = sizeof(T) == 8 ? 2 : 1, kElements = 1;
  Compute<T> scale, shift;
  __device__ __forceinline__ void operator()(const uint32_t* words, T* x) const {
    if constexpr (sizeof(T) == 8) {
      *x = double(int64_t(word_pair(words) >> 11)) * 0x1p-53 * scale + shift;
    } else {
      constexpr int kBits = std::is_same_v<T, half_t> ? 11 : std::is_same_v<T, bfloat16_t> ? 8 : 24;
      *x = convert<T>(float(int32_t(*words >> (32 - kBits))) * (1.0f / float(1 << kBits)) * scale + shift);
    }
  }
};

// c + c1 x + c2 x^2 + ..., each step rounded.
template <class A>
__device__ __forceinline__ A polynomial(A, double c) {
  return A(c);
}
template <class A, class... C>
__device__ __forceinline__ A polynomial(A x, double c, C... higher) {
  return polynomial(x, higher...) * x + A(c);
}

// log of x in (0, 1], normal: x = 2^e (1 + f).
__device__ __forceinline__ float rounded_log(float x) {
  const int bits = __float_as_int(x), exponent = (bits - 0x3f3504f3) >> 23;
  const float e = float(exponent), f = __int_as_float(bits - exponent * (1 << 23)) - 1, half_square = f * f * 0.5f;
  const float tail = f * f * f *
                     polynomial(f, 0.33333313, -0.2500001, 0.20002134, -0.16668007, 0.14219224, -0.12405135, 0.11890322,
                                -0.11679657, 0.06746607);
  return e * 0x1.62e4p-1f + (f - (half_square - (e * float(0x1.7f7d1cf79abcap-20) + tail)));
}
__device__ __forceinline__ double rounded_log(double x) {
  const long long bits = __double_as_longlong(x), exponent = (bits - 0x3fe6a09e667f3bcdll) >> 52;
  const double e = double(exponent), f = __longlong_as_double(bits - exponent * (1ll << 52)) - 1;
  const double half_square = f * f * 0.5, s = f / (f + 2), z = s * s;
  const double tail = s * (half_square + z * polynomial(z, 0.6666666666666735, 0.3999999999940749, 0.2857142874414164,
                                                        0.22222198378459493, 0.18183575166059565, 0.15313755752712596,
                                                        0.14799066108059503));
  return e * 0x1.62e42fefap-1 + (f - (half_square - (e * 0x1.cf79abc9e3b3ap-40 + tail)));
}

// The sine and cosine of u turns, u in [0, 1): in quarter turns the reduction is exact.
template <class A>
__device__ __forceinline__ void rounded_sin_cos(A u, A& sine, A& cosine) {
  constexpr bool kSingle = sizeof(A) == 4;
  const A quarters = u * A(4), big = A(kSingle ? 0x1.8p23 : 0x1.8p52);
  const A shifted = quarters + big;  // pushes out the fraction: the nearest of 0 to 4
  int quadrant;
  if constexpr (kSingle) {
    quadrant = __float_as_int(shifted);
  } else {
    quadrant = int(__double_as_longlong(shifted));
  }
  const A r = (quarters - (shifted - big)) * A(1.5707963267948966), z = r * r;
  A s, c;
  if constexpr (kSingle) {
    s = r + r * z * polynomial(z, -0.16666667, 0.008333329, -0.00019839327, 2.7182373e-06);
    c = 1 - (z * 0.5f - z * z * polynomial(z, 0.041666646, -0.0013887362, 2.4437732e-05));
  } else {
    s = r + r * z *
                polynomial(z, -0.16666666666666632, 0.008333333333322316, -0.0001984126982972527,
                           2.7557313662080607e-06, -2.5050753268154674e-08, 1.5896505156332756e-10);
    c = 1 - (z * 0.5 - z * z *
                           polynomial(z, 0.0416666666666666, -0.001388888888887399, 2.4801587289394937e-05,
                                      -2.75573143260348e-07, 2.087571955938936e-09, -1.1359448721202494e-11));
  }
  const A at_sine = quadrant & 1 ? c : s, at_cosine = quadrant & 1 ? s : c;
  sine = quadrant & 2 ? -at_sine : at_sine;
  cosine = (quadrant + 1) & 2 ? -at_cosine : at_cosine;
}

// Box and Muller's pair.
template <class T>
struct Normal {
  static constexpr int kWords = sizeof(T) == 8 ? 2 : 1, kElements = 2;
  Compute<T> scale, shift;
  __device__ __forceinline__ void operator()(const uint32_t* words, T* x) const {
    using A = Compute<T>;
    A u, v, sine, cosine;
    if constexpr (sizeof(T) == 8) {
      u = double(int64_t(word_pair(words) >> 11) + 1) * 0x1p-53;
      v = double(int64_t(word_pair(words + 2) >> 11)) * 0x1p-53;
    } else {
      u = float(int32_t(words[0] >> 8) + 1) * 0x1p-24f;
      v = float(int32_t(words[1] >> 8)) * 0x1p-24f;
    }
    const A square = rounded_log(u) * A(-2);
    A radius;
    if constexpr (sizeof(A) == 8) {
      radius = ::sqrt(square);
    } else {
      radius = ::sqrtf(square);
    }
    rounded_sin_cos(v, sine, cosine);
    x[0] = convert<T>(radius * cosine * scale + shift);
    x[1] = convert<T>(radius * sine * scale + shift);
  }
};

template <class T>
struct Bernoulli {
  static constexpr int kWords = 1, kElements = 1;
  uint64_t below;
  __device__ __forceinline__ void operator()(const uint32_t* words, T* x) const {
    *x = convert<T>(Compute<T>(*words < below ? 1 : 0));
  }
};

template <class T>
struct Integers {
  static constexpr int kWords = 2, kElements = 1;
  uint64_t low, range;
  __device__ __forceinline__ void operator()(const uint32_t* words, T* x) const {
    *x = convert<T>(Compute<T>(int64_t(low + __umul64hi(word_pair(words), range))));
  }
};

// --- kernels --------------------------------------------------------------------------------------------

constexpr int kThreads = 256;

// What a thread takes at once: 16 bytes of elements, or what one Philox block gives.
template <class T, int kWords>
constexpr int kAtOnce = sizeof(T) * 4 / kWords > 16 ? 4 / kWords : 16 / int(sizeof(T));

template <class T, class Draw>
__global__ void __launch_bounds__(kThreads)
    fill(T* out, int64_t n, RandomState given, const RandomState* base, bool packs, Draw draw) {
  const RandomState from = beginning(given, base);
  constexpr int kCount = kAtOnce<T, Draw::kWords>, kBlocks = kCount * Draw::kWords / 4;
  for (int64_t t = grid_index(); t * kCount < n; t += grid_stride()) {
    T x[kCount];
    uint32_t words[4 * kBlocks];
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) philox(from.seed, from.offset + uint64_t(t * kBlocks + b), 0, 0, words + 4 * b);
#pragma unroll
    for (int j = 0; j < kCount; j += Draw::kElements) draw(words + j * Draw::kWords, x + j);
    store_elements(out, t * kCount, n, packs, x);
  }
}

template <class T, class Draw>
void run_fill(const RandomArgs& args, GpuStream stream, Draw draw) {
  constexpr int kCount = kAtOnce<T, Draw::kWords>;
  T* out = static_cast<T*>(args.out);
  const Grid grid = grid_for((args.n + kCount - 1) / kCount, kThreads);
  launch(stream, grid.blocks, grid.threads, 0, fill<T, Draw>, out, args.n, RandomState{args.seed, args.offset},
         args.base, aligned_for_packs(out), draw);
}

// 2^32 p to the nearest integer: from 0 to 2^32.
uint64_t threshold(double p) { return uint64_t(p * 0x1p32 + 0.5); }

// grad_in = grad_out mask scale; kDraws: the mask is drawn, and written.
template <class T, bool kDraws>
__global__ void __launch_bounds__(kThreads)
    drop(T* out, bool* mask, const T* in, int64_t n, RandomState given, const RandomState* base, uint64_t dropped,
         Compute<T> scale, bool packs) {
  const RandomState from = kDraws ? beginning(given, base) : given;
  constexpr int kCount = kAtOnce<T, 1>, kBlocks = kCount / 4;
  for (int64_t t = grid_index(); t * kCount < n; t += grid_stride()) {
    const int64_t i = t * kCount;
    T x[kCount];
    bool kept[kCount];
    load_elements(in, i, n, packs, x);
    if constexpr (kDraws) {
      uint32_t words[kCount];
#pragma unroll
      for (int b = 0; b < kBlocks; ++b) philox(from.seed, from.offset + uint64_t(t * kBlocks + b), 0, 0, words + 4 * b);
#pragma unroll
      for (int j = 0; j < kCount; ++j) kept[j] = words[j] >= dropped;
      store_elements(mask, i, n, packs, kept);
    } else {
      load_elements(static_cast<const bool*>(mask), i, n, packs, kept);
    }
#pragma unroll
    for (int j = 0; j < kCount; ++j) x[j] = convert<T>(convert<Compute<T>>(x[j]) * (Compute<T>(kept[j]) * scale));
    store_elements(out, i, n, packs, x);
  }
}

template <bool kDraws>
void run_drop(void* out, bool* mask, const void* in, DType dtype, int64_t n, double p, RandomState from,
              const RandomState* base, GpuStream stream) {
  with_float(dtype, [&](auto element) {
    using T = decltype(element);
    constexpr int kCount = kAtOnce<T, 1>;
    const Grid grid = grid_for((n + kCount - 1) / kCount, kThreads);
    launch(stream, grid.blocks, grid.threads, 0, drop<T, kDraws>, static_cast<T*>(out), mask, static_cast<const T*>(in),
           n, from, base, threshold(p), Compute<T>(p < 1 ? 1 / (1 - p) : 0),
           aligned_for_packs(static_cast<const char*>(out), static_cast<const char*>(in),
                             reinterpret_cast<const char*>(mask)));
  });
}

}  // namespace

void random_uniform(const RandomArgs& args, GpuStream stream) {
  with_float(args.dtype, [&](auto element) {
    using T = decltype(element);
    run_fill<T>(args, stream, Uniform<T>{Compute<T>(args.scale), Compute<T>(args.shift)});
  });
}

void random_normal(const RandomArgs& args, GpuStream stream) {
  with_float(args.dtype, [&](auto element) {
    using T = decltype(element);
    run_fill<T>(args, stream, Normal<T>{Compute<T>(args.scale), Compute<T>(args.shift)});
  });
}

void random_bernoulli(const RandomArgs& args, GpuStream stream) {
  with_dtype(args.dtype, [&](auto element) {
    using T = decltype(element);
    run_fill<T>(args, stream, Bernoulli<T>{threshold(args.scale)});
  });
}

void random_integers(const RandomArgs& args, GpuStream stream) {
  with_dtype(args.dtype, [&](auto element) {
    using T = decltype(element);
    run_fill<T>(args, stream, Integers<T>{uint64_t(args.low), uint64_t(args.high) - uint64_t(args.low)});
  });
}

void dropout(const DropoutArgs& args, GpuStream stream) {
  run_drop<true>(args.out, args.mask, args.in, args.dtype, args.n, args.p, {args.seed, args.offset}, args.base, stream);
}

void dropout_backward(const DropoutBackwardArgs& args, GpuStream stream) {
  run_drop<false>(args.grad_in, const_cast<bool*>(args.mask), args.grad_out, args.dtype, args.n, args.p, {}, nullptr,
                  stream);
}

}  // namespace hotloop::sm80
