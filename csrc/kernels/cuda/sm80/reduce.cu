// Reductions (kernels/args/reduce.h): the ways to their files, and sums, means, 2-norms and products. The frame is
// common/reduce.h's. Bound by memory. Called by dispatch/reduce.cpp. Never run on a GPU yet.
#include "kernels/cuda/common/reduce.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

// What sums and products of T are accumulated in; integers wrap.
template <class T>
using Accumulator = std::conditional_t<std::is_integral_v<T>, uint64_t, Compute<T>>;

template <class A>
__device__ __forceinline__ void store_number(A x, const ReduceProblem& p, int64_t out) {
  if constexpr (std::is_integral_v<A>) {
    store_as(p.out, p.out_dtype, out, int64_t(x));
  } else {
    store_as(p.out, p.out_dtype, out, x);
  }
}

template <class A>
struct Sum {
  using Number = A;
  using State = A;
  bool squares;  // of the numbers' squares
  bool skips;    // NaN counts as 0

  __device__ __forceinline__ A none() const { return A(0); }
  template <class T>
  __device__ __forceinline__ A number(T x) const {
    return convert<A>(x);
  }
  template <int kCount, class Some>
  __device__ __forceinline__ void add(A& sum, const A (&x)[kCount], const Some& some) const {
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      if (some.has(e) && !(skips && x[e] != x[e])) sum += squares ? x[e] * x[e] : x[e];
    }
  }
  __device__ __forceinline__ A operator()(A a, A b) const { return a + b; }
  __device__ __forceinline__ void finish(A sum, const ReduceProblem& p, int64_t out) const {
    if constexpr (std::is_floating_point_v<A>) {
      if (p.op == ReduceOp::mean) sum /= A(p.reduced.count);
      if (p.op == ReduceOp::norm2) sum = math::sqrt(sum);
    }
    store_number(sum, p, out);
  }
};

template <class A>
struct Product {
  using Number = A;
  using State = A;

  __device__ __forceinline__ A none() const { return A(1); }
  template <class T>
  __device__ __forceinline__ A number(T x) const {
    return convert<A>(x);
  }
  template <int kCount, class Some>
  __device__ __forceinline__ void add(A& product, const A (&x)[kCount], const Some& some) const {
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      if (some.has(e)) product *= x[e];
    }
  }
  __device__ __forceinline__ A operator()(A a, A b) const { return a * b; }
  __device__ __forceinline__ void finish(A product, const ReduceProblem& p, int64_t out) const {
    store_number(product, p, out);
  }
};

}  // namespace

void reduce_sums(const ReduceArgs& args, GpuStream stream) {
  with_dtype(args.dtype == DType::bool_ ? DType::u8 : args.dtype, [&]<class T>(T) {
    using A = Accumulator<T>;
    if constexpr (!std::is_same_v<T, bool>) {
      if (args.op == ReduceOp::prod) {
        reduce_by<T>(args, Product<A>{}, stream);
      } else {
        reduce_by<T>(args, Sum<A>{args.op == ReduceOp::norm2, args.op == ReduceOp::nansum}, stream);
      }
    }
  });
}

void reduce(const ReduceArgs& args, GpuStream stream) {
  switch (args.op) {
    case ReduceOp::sum:
    case ReduceOp::nansum:
    case ReduceOp::mean:
    case ReduceOp::norm2:
    case ReduceOp::prod: return reduce_sums(args, stream);
    case ReduceOp::var:
    case ReduceOp::logsumexp: return reduce_moments(args, stream);
    default: return reduce_extremes(args, stream);
  }
}

}  // namespace hotloop::sm80
