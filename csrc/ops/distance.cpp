#include "ops/distance.h"

#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, double p, double eps, bool keepdim) {
  return norm(x1 - x2 + eps, p, Dims{-1}, keepdim);
}

Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t dim, double eps) {
  const auto unit = [&](const Tensor& x, const Dims& sizes) {
    const Tensor wide = x.sizes() == sizes ? x : expand(x, sizes);
    return wide / clamp_min_through(norm(wide, 2, Dims{dim}, true), eps);
  };
  const Dims sizes = broadcast_shape("cosine_similarity", x1.sizes(), x2.sizes());
  return sum(unit(x1, sizes) * unit(x2, sizes), Dims{dim});
}

Tensor normalize(const Tensor& x, double p, const std::optional<Dims>& dims, double eps) {
  return x / clamp_scalar(norm(x, p, dims, true), eps, __builtin_inf());
}

}  // namespace hotloop::ops
