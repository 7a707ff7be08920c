// Naive reductions: one output at a time, one element at a time, sums in double (integers in i64).
#include "kernels/args/reduce.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

static int64_t offset_of(const ReduceDim* dims, int count, int64_t position, int64_t ReduceDim::* stride) {
  int64_t offset = 0;
  for (int d = count - 1; d >= 0; --d) {
    offset += position % dims[d].size * (dims[d].*stride);
    position /= dims[d].size;
  }
  return offset;
}

static int64_t extent(const ReduceDim* dims, int count) {
  int64_t n = 1;
  for (int d = 0; d < count; ++d) n *= dims[d].size;
  return n;
}

static void reduce_floating(const ReduceArgs& args, int64_t in, int64_t out, int64_t n) {
  const auto x = [&](int64_t i) {
    return get(args.in, args.dtype, in + offset_of(args.reduced, args.reduced_dims, i, &ReduceDim::in_stride));
  };
  double result = 0;
  switch (args.op) {
    case ReduceOp::sum:
    case ReduceOp::mean:
      for (int64_t i = 0; i < n; ++i) result += x(i);
      if (args.op == ReduceOp::mean) result /= double(n);
      break;
    case ReduceOp::nansum:
      for (int64_t i = 0; i < n; ++i) result += std::isnan(x(i)) ? 0 : x(i);
      break;
    case ReduceOp::prod:
      result = 1;
      for (int64_t i = 0; i < n; ++i) result *= x(i);
      break;
    case ReduceOp::any:
      for (int64_t i = 0; i < n; ++i) result = result || x(i) != 0;
      break;
    case ReduceOp::all:
      result = 1;
      for (int64_t i = 0; i < n; ++i) result = result && x(i) != 0;
      break;
    case ReduceOp::norm2:
      for (int64_t i = 0; i < n; ++i) result += x(i) * x(i);
      result = std::sqrt(result);
      break;
    case ReduceOp::var: {
      double mean = 0;
      for (int64_t i = 0; i < n; ++i) mean += x(i);
      mean /= double(n);
      for (int64_t i = 0; i < n; ++i) result += (x(i) - mean) * (x(i) - mean);
      result /= std::max(0.0, double(n) - args.correction);
      if (args.out2) put(args.out2, args.out_dtype, out, mean);
      break;
    }
    case ReduceOp::logsumexp: {
      double largest = -INFINITY;
      for (int64_t i = 0; i < n; ++i) largest = x(i) > largest || std::isnan(x(i)) ? x(i) : largest;
      if (std::isinf(largest)) largest = 0;
      for (int64_t i = 0; i < n; ++i) result += std::exp(x(i) - largest);
      result = std::log(result) + largest;
      break;
    }
    default: {
      const bool maximum = args.op == ReduceOp::max || args.op == ReduceOp::argmax;
      const bool value = args.op == ReduceOp::max || args.op == ReduceOp::min;
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i) {
        const bool better = maximum ? x(i) > x(best) : x(i) < x(best);
        if (better || (std::isnan(x(i)) && !std::isnan(x(best)))) best = i;
      }
      if (value) put(args.out, args.out_dtype, out, x(best));
      void* indices = value ? args.out2 : args.out;
      if (indices) static_cast<int64_t*>(indices)[out] = best;
      return;
    }
  }
  put(args.out, args.out_dtype, out, result);
}

static void reduce_integral(const ReduceArgs& args, int64_t in, int64_t out, int64_t n) {
  const auto x = [&](int64_t i) {
    return get_integer(args.in, args.dtype, in + offset_of(args.reduced, args.reduced_dims, i, &ReduceDim::in_stride));
  };
  uint64_t result = args.op == ReduceOp::prod || args.op == ReduceOp::all;  // unsigned: wraps
  switch (args.op) {
    case ReduceOp::sum:
      for (int64_t i = 0; i < n; ++i) result += uint64_t(x(i));
      break;
    case ReduceOp::prod:
      for (int64_t i = 0; i < n; ++i) result *= uint64_t(x(i));
      break;
    case ReduceOp::any:
      for (int64_t i = 0; i < n; ++i) result |= x(i) != 0;
      break;
    case ReduceOp::all:
      for (int64_t i = 0; i < n; ++i) result &= x(i) != 0;
      break;
    default: {
      const bool maximum = args.op == ReduceOp::max || args.op == ReduceOp::argmax;
      const bool value = args.op == ReduceOp::max || args.op == ReduceOp::min;
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i)
        if (maximum ? x(i) > x(best) : x(i) < x(best)) best = i;
      if (value) put_integer(args.out, args.out_dtype, out, x(best));
      void* indices = value ? args.out2 : args.out;
      if (indices) static_cast<int64_t*>(indices)[out] = best;
      return;
    }
  }
  put_integer(args.out, args.out_dtype, out, int64_t(result));
}

void reduce(const ReduceArgs& args) {
  const int64_t outputs = extent(args.kept, args.kept_dims), n = extent(args.reduced, args.reduced_dims);
  const bool floating = args.dtype >= DType::f16;
  for (int64_t i = 0; i < outputs; ++i) {
    const int64_t in = offset_of(args.kept, args.kept_dims, i, &ReduceDim::in_stride);
    const int64_t out = offset_of(args.kept, args.kept_dims, i, &ReduceDim::out_stride);
    (floating ? reduce_floating : reduce_integral)(args, in, out, n);
  }
}

}  // namespace hotloop::reference
