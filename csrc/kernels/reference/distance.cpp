// Naive distances between rows and their gradient, in double.
#include "kernels/args/distance.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

// The p-norm of d(0) ... d(n - 1).
template <class D>
static double norm(double p, int64_t n, D d) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double size = std::fabs(d(i));
    if (p == 0)
      sum += size != 0;
    else if (std::isinf(p))
      sum = size > sum || std::isnan(size) ? size : sum;
    else
      sum += p == 1 ? size : p == 2 ? size * size : std::pow(size, p);
  }
  return p == 2 ? std::sqrt(sum) : p == 0 || p == 1 || std::isinf(p) ? sum : std::pow(sum, 1 / p);
}

void cdist(const DistanceArgs& args) {
  for (int64_t at = 0; at < args.batch * args.n * args.m; ++at) {
    const int64_t b = at / (args.n * args.m), i = at / args.m % args.n, j = at % args.m;
    if (args.pairs && j <= i) continue;
    const double distance = norm(args.p, args.k, [&](int64_t k) {
      return get(args.x1, args.dtype, (b * args.n + i) * args.k + k) -
             get(args.x2, args.dtype, (b * args.m + j) * args.k + k);
    });
    put(args.out, args.dtype, args.pairs ? pair_place(args.n, i, j) : at, distance);
  }
}

void cdist_backward(const DistanceBackwardArgs& args) {
  for (int64_t at = 0; at < args.batch * args.n * args.k; ++at) {
    const int64_t b = at / (args.n * args.k), i = at / args.k % args.n, k = at % args.k;
    double sum = 0;
    for (int64_t j = 0; j < args.m; ++j) {
      if (args.pairs && i == j) continue;
      const int64_t pair = args.pairs ? pair_place(args.n, std::min(i, j), std::max(i, j))
                                      : b * args.n * args.m + i * args.row + j * args.column;
      const double distance = get(args.out, args.dtype, pair), grad = get(args.grad, args.dtype, pair);
      const double d = get(args.x, args.dtype, at) - get(args.other, args.dtype, (b * args.m + j) * args.k + k);
      if (distance == 0 || d == 0) continue;
      const double sign = d < 0 ? -1 : d > 0 ? 1 : d;
      if (args.p == 1)
        sum += grad * sign;
      else if (std::isinf(args.p))
        sum += (args.dtype == DType::f32 ? float(std::fabs(d)) : std::fabs(d)) == distance ? grad * sign
               : d != d                                                                    ? d
                                                                                           : 0;
      else
        sum += grad * sign * std::pow(std::fabs(d) / distance, args.p - 1);
    }
    put(args.grad_x, args.dtype, at, sum);
  }
}

}  // namespace hotloop::reference
