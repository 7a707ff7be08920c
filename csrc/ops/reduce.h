// Reductions. Dims left out (nullopt, or empty) mean all of them; negative dims count from the end.
#pragma once

#include <optional>
#include <tuple>

#include "ops/op.h"

namespace hotloop::ops {

using OptionalDims = std::optional<Dims>;

Tensor sum(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false, std::optional<DType> dtype = {});
Tensor nansum(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false, std::optional<DType> dtype = {});
Tensor mean(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false, std::optional<DType> dtype = {});
Tensor prod(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false, std::optional<DType> dtype = {});
Tensor amax(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false);
// Values and the indices of the first extremes along one dim.
std::tuple<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim);
std::tuple<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim);
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim);
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, bool keepdim);
Tensor any(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false);
Tensor all(const Tensor& x, const OptionalDims& dims = {}, bool keepdim = false);
// The divisor is max(0, n - correction).
Tensor var(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim);
Tensor std(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim);
std::tuple<Tensor, Tensor> var_mean(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim);
Tensor logsumexp(const Tensor& x, const OptionalDims& dims, bool keepdim);
Tensor norm(const Tensor& x, double p, const OptionalDims& dims, bool keepdim);
Tensor count_nonzero(const Tensor& x, const OptionalDims& dims);
// Same shape and values; and, for allclose, |a - b| <= atol + rtol |b| everywhere.
bool equal(const Tensor& a, const Tensor& b);
bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan);

}  // namespace hotloop::ops
