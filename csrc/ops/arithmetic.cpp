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
int64_t integer_bound(DType dtype, const Tensor& bound, int64_t unbounded) {
  int64_t value = unbounded;
  if (bound.defined()) {
    const Scalar s = item(bound);
    value = s.kind != Scalar::floating ? s.i : s.f >= 0x1p63 ? INT64_MAX : s.f <= -0x1p63 ? INT64_MIN : int64_t(s.f);
  }
  const auto between = [value](int64_t low, int64_t high) { return value < low ? low : value > high ? high : value; };
  if (dtype == DType::u8) return between(0, UINT8_MAX);
  if (dtype == DType::i8) return between(INT8_MIN, INT8_MAX);
  if (dtype == DType::i32) return between(INT32_MIN, INT32_MAX);
  return value;
}

double bound_or(const Tensor& bound, double unbounded) { return bound.defined() ? item(bound).as_double() : unbounded; }

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
    const Tensor in = x.dtype() == dtype ? x : to_dtype(x, dtype);
    if (is_integral(dtype))
      return clamp_integers(in, integer_bound(dtype, min, INT64_MIN), integer_bound(dtype, max, INT64_MAX));
    return clamp_scalar(in, bound_or(min, -kInfinity), bound_or(max, kInfinity));
  }
  if (!max.defined()) return maximum(x, min);
  if (!min.defined()) return minimum(x, max);
  return clamp(x, min, max);
}

void clamp_between_(const Tensor& x, const Tensor& min, const Tensor& max) {
  if (!min.defined() && !max.defined()) fail<RuntimeError>("clamp_: At least one of 'min' or 'max' must not be None");
  if (is_integral(x.dtype()))
    return clamp_integers_(x, integer_bound(x.dtype(), min, INT64_MIN), integer_bound(x.dtype(), max, INT64_MAX));
  clamp_scalar_(x, bound_or(min, -kInfinity), bound_or(max, kInfinity));
}

Tensor divide_truncated(const Tensor& a, const Tensor& b) {
  const DType dtype = result_type({&a, &b});
  if (is_floating(dtype)) return trunc(div(a, b));
  return floor_divide(a - fmod(a, b), b);  // exact: what is left is a multiple of b
}

Tensor round_to(const Tensor& x, int64_t decimals) {
  if (decimals == 0) return round(x);
  if (!is_floating(x.dtype()))
    fail<RuntimeError>("round: decimals needs a floating point input, got %s", name(x.dtype()));
  double scale = 1;
  for (int64_t i = 0; i < (decimals < 0 ? -decimals : decimals) && scale < 1e308; ++i) scale *= 10;
  const bool narrow = x.dtype() == DType::f16 || x.dtype() == DType::bf16;
  const Tensor wide = narrow ? to_dtype(x, DType::f32) : x;
  const Tensor rounded = decimals > 0 ? round(wide * scale) / scale : round(wide / scale) * scale;
  return narrow ? to_dtype(rounded, x.dtype()) : rounded;
}

}  // namespace hotloop::ops
