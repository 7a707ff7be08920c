// Pointwise ops on the GPU: the rows of kernels/args/pointwise.def for one dtype. Each pointwise_<dtype>.cu makes them.
//
// Bound: memory. A thread takes 16 bytes of out, so that dense operands move in vectors; offsets of strided ones cost a
// division a dimension. Rows that make up most of a training step have a kernel of their own; the others share one a
// dtype that chooses by the op's number, the same for all threads: memory hides the choice, and compiling takes a tenth
// of the time. Never run on a GPU yet.
#pragma once

#include "kernels/cuda/common/elements.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

template <PointwiseOp op>
struct Row;

namespace rows {
using namespace hotloop::cuda::math;
#define ROW(name, kDTypesOfRow, arithmetic, kInputsOfRow, kIsPredicate)                                        \
  template <class W>                                                                                           \
  __device__ __forceinline__ auto name##_row([[maybe_unused]] W a, [[maybe_unused]] W b, [[maybe_unused]] W c, \
                                             [[maybe_unused]] W p0, [[maybe_unused]] W p1) {                   \
    [[maybe_unused]] const auto C = [](double x) { return W(x); };                                             \
    return arithmetic;                                                                                         \
  }
#define UNARY(name, dtypes, arithmetic, ...) ROW(name, dtypes, arithmetic, 1, false)
#define BINARY(name, dtypes, arithmetic, ...) ROW(name, dtypes, arithmetic, 2, false)
#define TERNARY(name, dtypes, arithmetic, ...) ROW(name, dtypes, arithmetic, 3, false)
#define SELECTION(name, dtypes, arithmetic, ...)
#define PREDICATE(name, dtypes, arithmetic) ROW(name, dtypes, arithmetic, 1, true)
#define COMPARISON(name, dtypes, arithmetic) ROW(name, dtypes, arithmetic, 2, true)
#include "kernels/args/pointwise.def"
#undef ROW
}  // namespace rows

#define ROW(name, dtypes, kInputsOfRow, kIsPredicate)                         \
  template <>                                                                 \
  struct Row<PointwiseOp::name> {                                             \
    static constexpr DTypeSet kDTypes = dtypes;                               \
    static constexpr int kInputs = kInputsOfRow;                              \
    static constexpr bool kPredicate = kIsPredicate;                          \
    template <class W>                                                        \
    static __device__ __forceinline__ auto apply(W a, W b, W c, W p0, W p1) { \
      return rows::name##_row(a, b, c, p0, p1);                               \
    }                                                                         \
  };
#define UNARY(name, dtypes, ...) ROW(name, dtypes, 1, false)
#define BINARY(name, dtypes, ...) ROW(name, dtypes, 2, false)
#define TERNARY(name, dtypes, ...) ROW(name, dtypes, 3, false)
#define SELECTION(name, dtypes, ...)             \
  template <>                                    \
  struct Row<PointwiseOp::name> {                \
    static constexpr DTypeSet kDTypes = 0;       \
    static constexpr int kInputs = 3;            \
    static constexpr bool kPredicate = false;    \
    template <class W>                           \
    static __device__ W apply(W a, W, W, W, W) { \
      return a;                                  \
    }                                            \
  };
#define PREDICATE(name, dtypes, ...) ROW(name, dtypes, 1, true)
#define COMPARISON(name, dtypes, ...) ROW(name, dtypes, 2, true)
#include "kernels/args/pointwise.def"
#undef ROW

// Bound by their arithmetic, not by memory, and of so many registers that they share no kernel.
constexpr bool is_long(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::tan:
    case PointwiseOp::erfinv:
    case PointwiseOp::lgamma:
    case PointwiseOp::digamma:
    case PointwiseOp::polygamma:
    case PointwiseOp::i0:
    case PointwiseOp::i1:
    case PointwiseOp::i0e:
    case PointwiseOp::i1e:
    case PointwiseOp::erfcx:
    case PointwiseOp::log_ndtr:
    case PointwiseOp::bessel_j0:
    case PointwiseOp::bessel_j1:
    case PointwiseOp::bessel_y0:
    case PointwiseOp::bessel_y1:
    case PointwiseOp::modified_bessel_k0:
    case PointwiseOp::modified_bessel_k1:
    case PointwiseOp::scaled_modified_bessel_k0:
    case PointwiseOp::scaled_modified_bessel_k1:
    case PointwiseOp::spherical_bessel_j0:
    case PointwiseOp::airy_ai:
    case PointwiseOp::zeta:
    case PointwiseOp::igamma:
    case PointwiseOp::igammac:
    case PointwiseOp::chebyshev_t:
    case PointwiseOp::chebyshev_u:
    case PointwiseOp::chebyshev_v:
    case PointwiseOp::chebyshev_w:
    case PointwiseOp::hermite_h:
    case PointwiseOp::hermite_he:
    case PointwiseOp::laguerre_l:
    case PointwiseOp::legendre_p: return true;
    default: return false;
  }
}

constexpr bool has_own_kernel(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::neg:
    case PointwiseOp::square:
    case PointwiseOp::sqrt:
    case PointwiseOp::exp:
    case PointwiseOp::log:
    case PointwiseOp::add:
    case PointwiseOp::add_scaled:
    case PointwiseOp::sub:
    case PointwiseOp::mul:
    case PointwiseOp::div:
    case PointwiseOp::maximum:
    case PointwiseOp::relu:
    case PointwiseOp::relu_backward:
    case PointwiseOp::sigmoid:
    case PointwiseOp::sigmoid_backward:
    case PointwiseOp::tanh:
    case PointwiseOp::tanh_backward:
    case PointwiseOp::silu:
    case PointwiseOp::silu_backward:
    case PointwiseOp::gelu:
    case PointwiseOp::gelu_backward:
    case PointwiseOp::eq:
    case PointwiseOp::gt: return true;
    // Others whose registers would be everybody's.
    case PointwiseOp::pow_scalar:
    case PointwiseOp::sin:
    case PointwiseOp::sinc:
    case PointwiseOp::logit:
    case PointwiseOp::cos: return true;
    default: return is_long(op);
  }
}

template <PointwiseOp op>
constexpr bool kIsLong = is_long(op);

// Elements of the compute type from raw operands.
template <class T>
struct PointwiseProblem {
  using W = Compute<T>;
  void* out;
  const T* in[kPointwiseInputs];
  W number[kPointwiseInputs];  // of the inputs that lie in host memory
  uint8_t host_inputs;
  W p0, p1;
  Places places;
};

// The body of every kernel: out[i] = f(a[i], b[i], c[i]). A long f is compiled once: no vectors, no unrolling.
template <class T, class R, int kInputs, bool kLong, class F>
__device__ __forceinline__ void each_element(const PointwiseProblem<T>& x, F f) {
  using W = Compute<T>;
  constexpr int kEach = kPackCount<T>;
  const Places& p = x.places;
  R* const out = static_cast<R*>(x.out);
  const auto load = [&](int k, int64_t at) { return x.host_inputs >> k & 1 ? x.number[k] : convert<W>(x.in[k][at]); };
  const auto store = [&](int64_t at, W a, W b, W c) {
    if constexpr (std::is_same_v<R, bool>) {
      out[at] = f(a, b, c) != W(0);
    } else {
      out[at] = convert<R>(f(a, b, c));
    }
  };
  if constexpr (kLong) {
    const int64_t first = int64_t(blockIdx.x) * blockDim.x * kEach + threadIdx.x;
#pragma unroll 1
    for (int i = 0; i < kEach; ++i) {
      const int64_t element = first + int64_t(i) * blockDim.x;
      if (element >= p.count) return;
      Offsets<kInputs> at;
      if (p.dense) {
        at.out = element;
        for (int k = 0; k < kInputs; ++k) at.in[k] = p.numbers >> k & 1 ? 0 : element;
      } else {
        at = offsets_of<kInputs>(p, element);
      }
      W v[3] = {};
      for (int k = 0; k < kInputs; ++k) v[k] = load(k, at.in[k]);
      store(at.out, v[0], v[1], v[2]);
    }
    return;
  }
  if (!p.dense) {
    const int64_t first = int64_t(blockIdx.x) * blockDim.x * kEach + threadIdx.x;
    for (int i = 0; i < kEach; ++i) {
      const int64_t element = first + int64_t(i) * blockDim.x;
      if (element >= p.count) return;
      const auto at = offsets_of<kInputs>(p, element);
      W v[3] = {};
      for (int k = 0; k < kInputs; ++k) v[k] = load(k, at.in[k]);
      store(at.out, v[0], v[1], v[2]);
    }
    return;
  }
  const int64_t first = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * kEach;
  if (first >= p.count) return;
  W fixed[3] = {};
  for (int k = 0; k < kInputs; ++k)
    if (p.numbers >> k & 1) fixed[k] = load(k, 0);
  if (p.aligned && first + kEach <= p.count) {
    Pack<T, kEach> v[kInputs];
#pragma unroll
    for (int k = 0; k < kInputs; ++k)
      if (!(p.numbers >> k & 1)) v[k] = load_pack<kEach>(x.in[k] + first);
    Pack<R, kEach> results;
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      W w[3] = {};
#pragma unroll
      for (int k = 0; k < kInputs; ++k) w[k] = p.numbers >> k & 1 ? fixed[k] : convert<W>(v[k].x[i]);
      if constexpr (std::is_same_v<R, bool>) {
        results.x[i] = f(w[0], w[1], w[2]) != W(0);
      } else {
        results.x[i] = convert<R>(f(w[0], w[1], w[2]));
      }
    }
    store_pack(out + first, results);
    return;
  }
  const int64_t last = first + kEach < p.count ? first + kEach : p.count;
  for (int64_t i = first; i < last; ++i) {
    W w[3] = {};
    for (int k = 0; k < kInputs; ++k) w[k] = p.numbers >> k & 1 ? fixed[k] : load(k, i);
    store(i, w[0], w[1], w[2]);
  }
}

template <PointwiseOp op, class T>
__global__ void __launch_bounds__(kElementThreads) own_kernel(const __grid_constant__ PointwiseProblem<T> x) {
  using R = std::conditional_t<Row<op>::kPredicate, bool, T>;
  using W = Compute<T>;
  each_element<T, R, Row<op>::kInputs, kIsLong<op>>(
      x, [&](W a, W b, W c) { return static_cast<W>(Row<op>::apply(a, b, c, x.p0, x.p1)); });
}

template <PointwiseOp op, class T>
constexpr bool kHasKernel = (Row<op>::kDTypes & dtype_bit<T>()) != 0;
template <PointwiseOp op, class T>
constexpr bool kIsShared = kHasKernel<op, T> && !has_own_kernel(op);

// A row that belongs to the kernel of those with so many inputs; others are never asked for.
template <PointwiseOp op, int kInputs, bool kPredicate, class T, class W>
__device__ __forceinline__ W apply_shared([[maybe_unused]] W a, [[maybe_unused]] W b, [[maybe_unused]] W c,
                                          [[maybe_unused]] W p0, [[maybe_unused]] W p1) {
  if constexpr (kIsShared<op, T> && Row<op>::kInputs == kInputs && Row<op>::kPredicate == kPredicate) {
    return static_cast<W>(Row<op>::apply(a, b, c, p0, p1));
  } else {
    return a;
  }
}

template <int kInputs, bool kPredicate, class T>
__global__ void __launch_bounds__(kElementThreads)
    shared_kernel(PointwiseOp op, const __grid_constant__ PointwiseProblem<T> x) {
  using R = std::conditional_t<kPredicate, bool, T>;
  using W = Compute<T>;
  each_element<T, R, kInputs, false>(x, [&](W a, W b, W c) {
    switch (op) {
#define EACH(name) \
  case PointwiseOp::name: return apply_shared<PointwiseOp::name, kInputs, kPredicate, T>(a, b, c, x.p0, x.p1);
#include "kernels/args/pointwise.def"
    }
    return a;
  });
}

template <PointwiseOp op, class T>
constexpr auto own_kernel_or_null() {
  using Kernel = void (*)(PointwiseProblem<T>);
  if constexpr (kHasKernel<op, T> && !kIsShared<op, T>) {
    return Kernel(own_kernel<op, T>);
  } else {
    return Kernel(nullptr);
  }
}

template <class T>
void launch_pointwise(PointwiseOp op, const PointwiseArgs& args, GpuStream stream) {
  using W = Compute<T>;
  using Kernel = void (*)(PointwiseProblem<T>);
  static constexpr Kernel kOwn[kPointwiseOps] = {
#define EACH(name) own_kernel_or_null<PointwiseOp::name, T>(),
#include "kernels/args/pointwise.def"
  };
  static constexpr struct {
    int8_t inputs;
    bool predicate;
  } kShape[kPointwiseOps] = {
#define EACH(name) {Row<PointwiseOp::name>::kInputs, Row<PointwiseOp::name>::kPredicate},
#include "kernels/args/pointwise.def"
  };
  const auto [inputs, predicate] = kShape[int(op)];
  PointwiseProblem<T> x;
  x.out = args.out;
  x.host_inputs = args.host_inputs;
  for (int k = 0; k < inputs; ++k) {
    x.in[k] = static_cast<const T*>(args.in[k]);
    x.number[k] = args.host_inputs >> k & 1 ? host_number<T>(args.in[k]) : W(0);
  }
  x.p0 = std::is_floating_point_v<W> ? W(args.p[0]) : W(args.n[0]);
  x.p1 = std::is_floating_point_v<W> ? W(args.p[1]) : W(args.n[1]);
  x.places = places_of(args, inputs);
  const ElementGrid grid = element_grid(x.places.count, kPackCount<T>);
  if (const Kernel own = kOwn[int(op)]) return launch(stream, grid.blocks, grid.threads, 0, own, x);
  if (predicate && inputs == 1) return launch(stream, grid.blocks, grid.threads, 0, shared_kernel<1, true, T>, op, x);
  if (predicate) return launch(stream, grid.blocks, grid.threads, 0, shared_kernel<2, true, T>, op, x);
  if (inputs == 1) return launch(stream, grid.blocks, grid.threads, 0, shared_kernel<1, false, T>, op, x);
  if (inputs == 2) return launch(stream, grid.blocks, grid.threads, 0, shared_kernel<2, false, T>, op, x);
  launch(stream, grid.blocks, grid.threads, 0, shared_kernel<3, false, T>, op, x);
}

}  // namespace
}  // namespace hotloop::sm80
