#include "ops/arithmetic.h"

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

constexpr double kInfinity = __builtin_inf();

bool both_numbers(const Tensor& a, const Tensor& b) {
  return (!a.defined() || a->wrapped_number) && (!b.defined() || b->wrapped_number);
}

// A bound as the dtype has it; outside of an integer's range, the end of the range.
double within(DType dtype, double bound) {
  const auto between = [bound](double low, double high) { return bound < low ? low : bound > high ? high : bound; };
  if (dtype == DType::u8) return between(0, UINT8_MAX);
  if (dtype == DType::i8) return between(INT8_MIN, INT8_MAX);
  if (dtype == DType::i32) return between(INT32_MIN, INT32_MAX);
  return bound;
}

double lower_bound(DType dtype, const Tensor& min) {
  return within(dtype, min.defined() ? item(min).as_double() : -kInfinity);
}

double upper_bound(DType dtype, const Tensor& max) {
  return within(dtype, max.defined() ? item(max).as_double() : kInfinity);
}

}  // namespace

Tensor power(const Tensor& base, const Tensor& exponent) {
  if (!exponent->wrapped_number || base->wrapped_number) return pow(base, exponent);
  const Scalar e = item(exponent);
  const bool whole = !is_floating(base.dtype());
  if (whole && e.kind == Scalar::floating) return power(to_dtype(base, default_dtype()), exponent);
  if (whole && e.as_int() < 0) fail<RuntimeError>("pow: Integers to negative integer powers are not allowed.");
  if (base.dtype() == DType::bool_) return pow(base, exponent);
  const double p = e.as_double();
  if (p == 2) return square(base);
  if (p == 1) return clone(base);
  if (!whole && p == 0.5) return sqrt(base);
  if (!whole && p == -1) return reciprocal(base);
  return pow_scalar(base, p);
}

void power_(const Tensor& base, const Tensor& exponent) {
  if (!exponent->wrapped_number) return pow_(base, exponent);
  if (is_integral(base.dtype()) && item(exponent).kind == Scalar::floating)
    fail<RuntimeError>("pow_: result type %s can't be cast to the desired output type %s", name(default_dtype()),
                       name(base.dtype()));
  pow_scalar_(base, item(exponent).as_double());
}

Tensor clamp_between(const Tensor& x, const Tensor& min, const Tensor& max) {
  if (!min.defined() && !max.defined()) fail<RuntimeError>("clamp: At least one of 'min' or 'max' must not be None");
  if (both_numbers(min, max)) {
    // A floating bound makes an integer input floating, as in any op of both.
    const DType dtype =
        min.defined() && max.defined() ? result_type({&x, &min, &max}) : result_type({&x, min.defined() ? &min : &max});
    return clamp_scalar(x.dtype() == dtype ? x : to_dtype(x, dtype), lower_bound(dtype, min), upper_bound(dtype, max));
  }
  if (!max.defined()) return maximum(x, min);
  if (!min.defined()) return minimum(x, max);
  return clamp(x, min, max);
}

void clamp_between_(const Tensor& x, const Tensor& min, const Tensor& max) {
  if (!min.defined() && !max.defined()) fail<RuntimeError>("clamp_: At least one of 'min' or 'max' must not be None");
  clamp_scalar_(x, lower_bound(x.dtype(), min), upper_bound(x.dtype(), max));
}

}  // namespace hotloop::ops
