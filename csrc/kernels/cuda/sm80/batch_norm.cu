// Batch norm, forward and backward (kernels/args/batch_norm.h). Mean and variance are a reduction of reduce_moments.cu,
// the sums of the backward pass are common/column_sums.h's over (samples, channels x inner); then every thread has a
// vector of 16 bytes. Bound by memory: x is read twice, backward x and grad_out. Called by dispatch/batch_norm.cpp.
// Never run on a GPU yet.
#include "kernels/args/batch_norm.h"

#include "kernels/args/reduce.h"
#include "kernels/cuda/common/column_sums.h"
#include "kernels/cuda/common/divide.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

void reduce_moments(const ReduceArgs& args, GpuStream stream);  // reduce_moments.cu

namespace {

constexpr int kThreads = 256;

// The channel of an element of (samples, channels, inner).
struct Channels {
  int64_t channels, inner;
  bool narrow;  // elements' numbers are below 2^31
  Divider by_channels, by_inner;

  Channels(int64_t samples, int64_t channels, int64_t inner)
      : channels(channels), inner(inner), narrow(samples * channels * inner < (int64_t(1) << 31)) {
    if (!narrow) return;
    by_channels = Divider(uint32_t(channels));
    by_inner = Divider(uint32_t(inner));
  }
  __device__ __forceinline__ int64_t of(int64_t element) const {
    if (!narrow) return element / inner % channels;
    uint32_t rest, channel;
    by_channels.divide(by_inner.divide(uint32_t(element), rest), channel);
    return channel;
  }
};

template <class T>
__device__ __forceinline__ Pack<T> load_elements(const T* p, int64_t at, int64_t n, bool packs) {
  constexpr int P = Pack<T>::count;
  if (packs) return load_pack<P>(p + at);
  Pack<T> pack = {};
#pragma unroll
  for (int e = 0; e < P; ++e) {
    if (at + e < n) pack.x[e] = p[at + e];
  }
  return pack;
}
template <class T>
__device__ __forceinline__ void store_elements(T* p, int64_t at, int64_t n, bool packs, const Pack<T>& pack) {
  constexpr int P = Pack<T>::count;
  if (packs) return store_pack<P>(p + at, pack);
#pragma unroll
  for (int e = 0; e < P; ++e) {
    if (at + e < n) p[at + e] = pack.x[e];
  }
}

// One thread a channel.
template <class C>
__global__ void __launch_bounds__(kThreads, 1) make_rstd(BatchNormArgs args) {
  const int64_t c = grid_index();
  if (c >= args.channels) return;
  static_cast<C*>(args.rstd)[c] = math::rsqrt(static_cast<const C*>(args.variance)[c] + C(args.eps));
}

template <class T>
__global__ void __launch_bounds__(kThreads, 1) normalise(BatchNormArgs args, Channels channels, int64_t n, bool packs) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  const auto *mean = static_cast<const C*>(args.mean), *rstd = static_cast<const C*>(args.rstd),
             *weight = static_cast<const C*>(args.weight), *bias = static_cast<const C*>(args.bias);
  for (int64_t at = grid_index() * P; at < n; at += grid_stride() * P) {
    Pack<T> x = load_elements(static_cast<const T*>(args.x), at, n, packs);
#pragma unroll
    for (int e = 0; e < P; ++e) {
      if (at + e >= n) break;
      const int64_t c = channels.of(at + e);
      C y = (convert<C>(x.x[e]) - mean[c]) * rstd[c];
      if (weight) y *= weight[c];
      if (bias) y += bias[c];
      x.x[e] = convert<T>(y);
    }
    store_elements(static_cast<T*>(args.out), at, n, packs, x);
  }
}

// `sums`: of grad times the normalised x, and of grad, of each channel; null where the means do not take part.
template <class T>
__global__ void __launch_bounds__(kThreads, 1) spread(BatchNormBackwardArgs args, Channels channels, int64_t n,
                                                      bool packs, const Compute<T>* sum_gx, const Compute<T>* sum_g) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  const auto *mean = static_cast<const C*>(args.mean), *rstd = static_cast<const C*>(args.rstd),
             *weight = static_cast<const C*>(args.weight);
  const C count = C(args.samples * args.inner);
  for (int64_t at = grid_index() * P; at < n; at += grid_stride() * P) {
    const Pack<T> x = load_elements(static_cast<const T*>(args.x), at, n, packs);
    Pack<T> g = load_elements(static_cast<const T*>(args.grad_out), at, n, packs);
#pragma unroll
    for (int e = 0; e < P; ++e) {
      if (at + e >= n) break;
      const int64_t c = channels.of(at + e);
      C slope = convert<C>(g.x[e]);
      if (sum_g) slope = slope - sum_g[c] / count - (convert<C>(x.x[e]) - mean[c]) * rstd[c] * (sum_gx[c] / count);
      g.x[e] = convert<T>(slope * (weight ? rstd[c] * weight[c] : rstd[c]));
    }
    store_elements(static_cast<T*>(args.grad_x), at, n, packs, g);
  }
}

// x normalised, for column_sums.h.
template <class C>
struct OfChannel {
  const C *mean, *rstd;
  int64_t inner;
  __device__ __forceinline__ C operator()(C x, int64_t, int64_t column) const {
    const int64_t c = inner == 1 ? column : column / inner;
    return (x - mean[c]) * rstd[c];
  }
};

ReduceArgs moments_of(const BatchNormArgs& args) {
  ReduceArgs r{};
  r.op = ReduceOp::var;
  r.dtype = args.dtype;
  r.out_dtype = args.dtype == DType::f64 ? DType::f64 : DType::f32;
  r.in = args.x;
  r.out = args.variance;
  r.out2 = args.mean;
  if (args.channels > 1) {
    r.kept[r.kept_dims++] = {args.channels, args.inner, 1};
    if (args.samples > 1) r.reduced[r.reduced_dims++] = {args.samples, args.channels * args.inner, 0};
    if (args.inner > 1) r.reduced[r.reduced_dims++] = {args.inner, 1, 0};
  } else if (args.samples * args.inner > 1) {
    r.reduced[r.reduced_dims++] = {args.samples * args.inner, 1, 0};
  }
  return r;
}

}  // namespace

void batch_norm(const BatchNormArgs& args, GpuStream stream) {
  if (args.by_batch) reduce_moments(moments_of(args), stream);
  const int64_t n = args.samples * args.channels * args.inner;
  with_float(args.dtype, [&]<class T>(T) {
    constexpr int64_t P = Pack<T>::count;
    const Grid of_channels = grid_for(args.channels, kThreads), grid = grid_for((n + P - 1) / P, kThreads);
    launch(stream, blocks_for(args.channels, of_channels.threads), of_channels.threads, 0, make_rstd<Compute<T>>, args);
    launch(stream, grid.blocks, grid.threads, 0, normalise<T>, args, Channels(args.samples, args.channels, args.inner),
           n, n % P == 0 && aligned_for_packs(args.x, args.out));
  });
}

void batch_norm_backward(const BatchNormBackwardArgs& args, GpuStream stream) {
  const int64_t n = args.samples * args.channels * args.inner, row = args.channels * args.inner;
  with_float(args.dtype, [&]<class T>(T) {
    using C = Compute<T>;
    constexpr int64_t P = Pack<T>::count;
    const bool means = args.by_batch && args.grad_x;
    const size_t bytes = means ? size_t(args.channels) * sizeof(C) : 0;
    const gpu::Scratch own_weight(args.grad_weight ? 0 : bytes, gpu::current_device(), stream);
    const gpu::Scratch own_bias(args.grad_bias ? 0 : bytes, gpu::current_device(), stream);
    C* sum_gx = args.grad_weight ? static_cast<C*>(args.grad_weight) : own_weight.template data<C>();
    C* sum_g = args.grad_bias ? static_cast<C*>(args.grad_bias) : own_bias.template data<C>();
    if (sum_gx || sum_g) {
      const ColumnSums<T, C> sums{static_cast<const T*>(args.x),
                                  static_cast<const T*>(args.grad_out),
                                  row,
                                  row,
                                  args.samples,
                                  row,
                                  args.inner,
                                  sum_gx,
                                  sum_g};
      sum_over_rows(sums, OfChannel<C>{static_cast<const C*>(args.mean), static_cast<const C*>(args.rstd), args.inner},
                    stream);
    }
    if (!args.grad_x) return;
    const Grid grid = grid_for((n + P - 1) / P, kThreads);
    launch(stream, grid.blocks, grid.threads, 0, spread<T>, args, Channels(args.samples, args.channels, args.inner), n,
           n % P == 0 && aligned_for_packs(args.x, args.grad_out, args.grad_x), means ? sum_gx : nullptr,
           means ? sum_g : nullptr);
  });
}

}  // namespace hotloop::sm80
