// Distances between vectors.
#pragma once

#include <optional>

#include "ops/op.h"

namespace hotloop::ops {

// The p-norm of x1 - x2 + eps along the last dim; x1 and x2 broadcast.
Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, double p, double eps, bool keepdim);
// x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along dim; x1 and x2 broadcast.
Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t dim, double eps);
// x / max(|x|_p, eps), the norm over dims (all of them where left out).
Tensor normalize(const Tensor& x, double p, const std::optional<Dims>& dims, double eps);
// How far each row of a (..., n, k) is from each of b (..., m, k), in the p-norm: (..., n, m); batches broadcast.
Tensor cdist(const Tensor& a, const Tensor& b, double p);
Tensor pdist(const Tensor& x, double p);  // of all pairs of rows i < j

}  // namespace hotloop::ops
