// Statistics made of reductions.
#pragma once

#include <optional>
#include <tuple>

#include "ops/reduce.h"

namespace hotloop::ops {

Tensor nanmean(const Tensor& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype);
std::tuple<Tensor, Tensor> aminmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim);
std::tuple<Tensor, Tensor> std_mean(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim);
// Norms of vectors, over any dims; of matrices, over two: fro, 1, -1, inf, -inf.
Tensor vector_norm(const Tensor& x, double order, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype);
Tensor frobenius_norm(const Tensor& x, const Dims& dims, bool keepdim, std::optional<DType> dtype);
Tensor matrix_norm(const Tensor& x, double order, const Dims& dims, bool keepdim, std::optional<DType> dtype);
// Covariances of the rows of x (variables, observations).
Tensor cov(const Tensor& x, int64_t correction, const Tensor& fweights, const Tensor& aweights);
Tensor corrcoef(const Tensor& x);
Tensor renorm(const Tensor& x, double p, int64_t dim, double maxnorm);  // slices of dim to a norm of maxnorm at most

}  // namespace hotloop::ops
