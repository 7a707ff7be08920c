// Naive running results: one line at a time, one element at a time.
#include "kernels/args/scan.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

namespace {

// One line from element `at`, in steps of args.inner.
void scan_floats(const ScanArgs& args, int64_t at) {
  double state = args.op == ScanOp::prod ? 1 : 0, largest = -INFINITY;
  int64_t index = 0;
  for (int64_t i = 0; i < args.n; ++i, at += args.inner) {
    const double x = get(args.x, args.dtype, at);
    switch (args.op) {
      case ScanOp::sum: state += x; break;
      case ScanOp::prod: state *= x; break;
      case ScanOp::max:
      case ScanOp::min: {
        const bool beyond = args.op == ScanOp::max ? x >= state : x <= state;
        if (i == 0 || std::isnan(x) || (!std::isnan(state) && beyond)) {
          state = x;
          index = i;
        }
        args.indices[at] = index;
        break;
      }
      case ScanOp::logsumexp: {
        const double next = std::isnan(x) || std::isnan(largest) ? NAN : std::max(largest, x);
        const auto below = [&](double v) { return v == next ? 1.0 : std::exp(v - next); };
        state = state * below(largest) + below(x);
        largest = next;
        break;
      }
    }
    put(args.out, args.out_dtype, at, args.op == ScanOp::logsumexp ? largest + std::log(state) : state);
  }
}

void scan_integers(const ScanArgs& args, int64_t at) {
  int64_t state = args.op == ScanOp::prod, index = 0;
  for (int64_t i = 0; i < args.n; ++i, at += args.inner) {
    const int64_t x = get_integer(args.x, args.dtype, at);
    if (args.op == ScanOp::sum) {
      state = int64_t(uint64_t(state) + uint64_t(x));
    } else if (args.op == ScanOp::prod) {
      state = int64_t(uint64_t(state) * uint64_t(x));
    } else {
      if (i == 0 || (args.op == ScanOp::max ? x >= state : x <= state)) {
        state = x;
        index = i;
      }
      args.indices[at] = index;
    }
    put_integer(args.out, args.out_dtype, at, state);
  }
}

}  // namespace

void scan(const ScanArgs& args) {
  const bool floating = args.dtype >= DType::f16;
  for (int64_t o = 0; o < args.outer; ++o)
    for (int64_t j = 0; j < args.inner; ++j)
      (floating ? scan_floats : scan_integers)(args, o * args.n * args.inner + j);
}

}  // namespace hotloop::reference
