// Reductions (kernels/args/reduce.h): variances with their means, logsumexp, from one reading. The frame is
// common/reduce.h's. Bound by memory. Called by reduce.cu. Never run on a GPU yet.
#include "kernels/cuda/common/reduce.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

// Means and squares of a pack in two passes over registers, of packs as by Chan, Golub and LeVeque (1983): as exact
// as two passes over memory.
template <class A>
struct Moments {
  using Number = A;
  struct State {
    A count, sum, squares;  // of the distances from the mean
  };

  __device__ __forceinline__ State none() const { return {A(0), A(0), A(0)}; }
  template <class T>
  __device__ __forceinline__ A number(T x) const {
    return convert<A>(x);
  }
  __device__ __forceinline__ State operator()(State a, State b) const {
    if (b.count == A(0)) return a;
    if (a.count == A(0)) return b;
    const A count = a.count + b.count, apart = b.sum / b.count - a.sum / a.count;
    return {count, a.sum + b.sum, a.squares + b.squares + apart * apart * (a.count * (b.count / count))};
  }
  template <int kCount, class Some>
  __device__ __forceinline__ void add(State& state, const A (&x)[kCount], const Some& some) const {
    State pack = none();
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      if (!some.has(e)) continue;
      pack.count += A(1);
      pack.sum += x[e];
    }
    const A mean = pack.sum / pack.count;
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      if (some.has(e)) pack.squares += (x[e] - mean) * (x[e] - mean);
    }
    state = (*this)(state, pack);
  }
  __device__ __forceinline__ void finish(State state, const ReduceProblem& p, int64_t out) const {
    const double freedom = double(p.reduced.count) - p.correction;
    store_as(p.out, p.out_dtype, out, state.squares / A(freedom > 0 ? freedom : 0));
    if (p.out2) store_as(p.out2, p.out_dtype, out, state.sum / A(p.reduced.count));
  }
};

// The largest, and the sum of exponentials relative to it, or to 0 where it is infinite.
template <class A>
struct LogSumExp {
  using Number = A;
  struct State {
    A largest, sum;
  };

  __device__ __forceinline__ State none() const { return {-math::infinity<A>(), A(0)}; }
  template <class T>
  __device__ __forceinline__ A number(T x) const {
    return convert<A>(x);
  }
  __device__ __forceinline__ A base(A largest) const { return math::is_inf(largest) ? A(0) : largest; }
  __device__ __forceinline__ State rebased(State state, A largest) const {
    return {largest, state.sum * math::exp(base(state.largest) - base(largest))};
  }
  __device__ __forceinline__ State operator()(State a, State b) const {
    const A largest = a.largest > b.largest ? a.largest : b.largest;
    return {largest, rebased(a, largest).sum + rebased(b, largest).sum};
  }
  template <int kCount, class Some>
  __device__ __forceinline__ void add(State& state, const A (&x)[kCount], const Some& some) const {
    A largest = state.largest;
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      if (some.has(e) && x[e] > largest) largest = x[e];
    }
    state = rebased(state, largest);
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      if (some.has(e)) state.sum += math::exp(x[e] - base(largest));
    }
  }
  __device__ __forceinline__ void finish(State state, const ReduceProblem& p, int64_t out) const {
    store_as(p.out, p.out_dtype, out, math::log(state.sum) + base(state.largest));
  }
};

}  // namespace

void reduce_moments(const ReduceArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    if (args.op == ReduceOp::var) {
      // In f64: two means of numbers far from zero differ by less than f32 holds of either.
      reduce_by<T>(args, Moments<double>{}, stream);
    } else {
      reduce_by<T>(args, LogSumExp<Compute<T>>{}, stream);
    }
  });
}

}  // namespace hotloop::sm80
