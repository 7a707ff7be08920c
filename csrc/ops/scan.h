// Running results along a dim. Integers add up and multiply in int64.
#pragma once

#include <optional>
#include <tuple>

#include "ops/op.h"

namespace hotloop::ops {

Tensor cumsum(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});
Tensor cumprod(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});
Tensor logcumsumexp(const Tensor& x, int64_t dim);
// Values and the index of each, the last one among equals.
std::tuple<Tensor, Tensor> cummax(const Tensor& x, int64_t dim);
std::tuple<Tensor, Tensor> cummin(const Tensor& x, int64_t dim);

// Differences of order n between neighbours, after `prepend` and before `append` where given.
Tensor diff(const Tensor& x, int64_t n, int64_t dim, const Tensor& prepend, const Tensor& append);
// The trapezoidal rule along dim over points x (or, where undefined, points dx apart), whole or running.
Tensor trapezoid(const Tensor& y, const Tensor& x, double dx, int64_t dim);
Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, double dx, int64_t dim);

}  // namespace hotloop::ops
