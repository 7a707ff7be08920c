// Reductions (kernels/args/reduce.h): largest and smallest elements with their indices, any and all. The frame is
// common/reduce.h's. Bound by memory. Called by reduce.cu. Never run on a GPU yet.
#include "kernels/cuda/common/reduce.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

template <class A>
struct Extreme {
  using Number = A;
  struct State {
    A value, unused;  // by name, so that a copy reads no bytes that nobody wrote
    int64_t index;    // INT64_MAX: of no elements
  };
  bool maximum;

  __device__ __forceinline__ State none() const { return {A(0), A(0), INT64_MAX}; }
  template <class T>
  __device__ __forceinline__ A number(T x) const {
    return convert<A>(x);
  }
  // NaN before numbers, then the more extreme, then the first.
  __device__ __forceinline__ State operator()(State a, State b) const {
    if (b.index == INT64_MAX) return a;
    if (a.index == INT64_MAX) return b;
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    const bool beyond = maximum ? b.value > a.value : b.value < a.value;
    const bool level = a_nan ? b_nan : a.value == b.value;
    const bool second = level ? b.index < a.index : b_nan || (beyond && !a_nan);
    return second ? b : a;
  }
  template <int kCount, class Some>
  __device__ __forceinline__ void add(State& state, const A (&x)[kCount], const Some& some) const {
#pragma unroll
    for (int e = 0; e < kCount; ++e) {  // of rising index
      const bool beyond = maximum ? x[e] > state.value : x[e] < state.value;
      const bool first_nan = x[e] != x[e] && state.value == state.value;
      if (some.has(e) && (beyond || first_nan || state.index == INT64_MAX)) state = {x[e], A(0), some.at(e)};
    }
  }
  __device__ __forceinline__ void finish(State state, const ReduceProblem& p, int64_t out) const {
    const bool wants_value = p.op == ReduceOp::max || p.op == ReduceOp::min;
    if (wants_value) store_as(p.out, p.out_dtype, out, state.value);
    int64_t* indices = static_cast<int64_t*>(wants_value ? p.out2 : p.out);
    if (indices) indices[out] = state.index;
  }
};

// any and all by the bits that make a number other than 0: all but a float's sign.
template <class Bits>
struct Truth {
  using Number = Bits;
  using State = unsigned;
  bool all;
  Bits mask;

  __device__ __forceinline__ unsigned none() const { return all; }
  __device__ __forceinline__ Bits number(Bits x) const { return x; }
  template <int kCount, class Some>
  __device__ __forceinline__ void add(unsigned& state, const Bits (&x)[kCount], const Some& some) const {
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      if (some.has(e)) state = (*this)(state, (x[e] & mask) != 0);
    }
  }
  __device__ __forceinline__ unsigned operator()(unsigned a, unsigned b) const { return all ? a & b : a | b; }
  __device__ __forceinline__ void finish(unsigned state, const ReduceProblem& p, int64_t out) const {
    store_as(p.out, p.out_dtype, out, int64_t(state));
  }
};

template <class Bits>
void reduce_truth(const ReduceArgs& args, GpuStream stream) {
  const Bits all = Bits(~Bits(0)), mask = args.dtype >= DType::f16 ? Bits(all >> 1) : all;
  reduce_by<Bits>(args, Truth<Bits>{args.op == ReduceOp::all, mask}, stream);
}

}  // namespace

void reduce_extremes(const ReduceArgs& args, GpuStream stream) {
  if (args.op == ReduceOp::any || args.op == ReduceOp::all) {
    switch (itemsize(args.dtype)) {
      case 1: return reduce_truth<uint8_t>(args, stream);
      case 2: return reduce_truth<uint16_t>(args, stream);
      case 4: return reduce_truth<uint32_t>(args, stream);
      default: return reduce_truth<uint64_t>(args, stream);
    }
  }
  const bool maximum = args.op == ReduceOp::max || args.op == ReduceOp::argmax;
  with_dtype(args.dtype == DType::bool_ ? DType::u8 : args.dtype, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, bool>) {
      using A = std::conditional_t<std::is_integral_v<T>, int64_t, Compute<T>>;
      reduce_by<T>(args, Extreme<A>{maximum}, stream);
    }
  });
}

}  // namespace hotloop::sm80
