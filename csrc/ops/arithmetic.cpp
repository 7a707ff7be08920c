#include "ops/arithmetic.h"

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/call.h"
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

// A number as an operand of 16-bit floats, rounded as they are.
double as_operand(const Tensor& x, double p) {
  const bool narrow = x.dtype() == DType::f16 || x.dtype() == DType::bf16;
  return narrow ? item(scalar_tensor(p, x.dtype())).as_double() : p;
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
  return pow_scalar(base, as_operand(base, p));
}

void power_(const Tensor& base, const Tensor& exponent) {
  if (!exponent->wrapped_number) return pow_(base, exponent);
  if (is_integral(base.dtype()) && item(exponent).kind == Scalar::floating)
    fail<RuntimeError>("pow_: result type %s can't be cast to the desired output type %s", name(default_dtype()),
                       name(base.dtype()));
  if (is_integral(base.dtype()) && item(exponent).as_int() < 0)
    fail<RuntimeError>("pow_: Integers to negative integer powers are not allowed.");
  pow_scalar_(base, as_operand(base, item(exponent).as_double()));
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
  if (!both_numbers(min, max)) return assign("clamp_", x, clamp_between(before_writing(x), min, max));
  for (const Tensor* bound : {&min, &max})
    if (is_integral(x.dtype()) && bound->defined() && item(*bound).kind == Scalar::floating)
      fail<RuntimeError>("clamp_: result type %s can't be cast to the desired output type %s", name(default_dtype()),
                         name(x.dtype()));
  if (is_integral(x.dtype()))
    return clamp_integers_(x, integer_bound(x.dtype(), min, INT64_MIN), integer_bound(x.dtype(), max, INT64_MAX));
  clamp_scalar_(x, bound_or(min, -kInfinity), bound_or(max, kInfinity));
}

Tensor divide_truncated(const Tensor& a, const Tensor& b) {
  const DType dtype = result_type({&a, &b});
  if (is_floating(dtype)) return trunc(div(a, b));
  const auto number = [&](const Tensor& t) { return t.dtype() == DType::bool_ ? to_dtype(t, dtype) : t; };
  const Tensor x = number(a), y = number(b);
  return floor_divide(x - fmod(x, y), y);  // exact: what is left is a multiple of b
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

Tensor float_power(const Tensor& base, const Tensor& exponent) {
  if (base->wrapped_number) return pow(scalar_tensor(item(base), DType::f64), to_dtype(exponent, DType::f64));
  const Tensor wide = to_dtype(base, DType::f64);
  return exponent->wrapped_number ? power(wide, number(item(exponent).as_double()))
                                  : pow(wide, to_dtype(exponent, DType::f64));
}

Tensor largest(const Tensor& a, const Tensor& b) {
  return is_floating(result_type({&a, &b})) ? fmax(a, b) : maximum(a, b);
}
Tensor smallest(const Tensor& a, const Tensor& b) {
  return is_floating(result_type({&a, &b})) ? fmin(a, b) : minimum(a, b);
}

Tensor heaviside(const Tensor& x, const Tensor& values) {
  if (x.dtype() != values.dtype())
    fail<RuntimeError>("heaviside: input and values must have one dtype, got %s and %s", name(x.dtype()),
                       name(values.dtype()));
  return where(eq(x, 0.0), values, to_dtype(gt(x, 0.0), x.dtype()));
}

Tensor ldexp(const Tensor& x, const Tensor& exponent) {
  const bool whole = is_floating(x.dtype()) && is_integral(exponent.dtype()) && !exponent->wrapped_number;
  return x * pow(number(2.0), whole ? to_dtype(exponent, x.dtype()) : exponent);
}

std::tuple<Tensor, Tensor> frexp(const Tensor& x) {
  if (!is_floating(x.dtype())) fail<DTypeError>("frexp: expected a floating-point input, got %s", name(x.dtype()));
  const Tensor wide = to_dtype(without_history(x), DType::f64), size = abs(wide);
  const Tensor plain = logical_and(isfinite(wide), ne(wide, 0.0));
  // The logarithm may be rounded up to a whole number; the mantissa tells.
  Tensor exponent = where(plain, floor(log2(where(plain, size, 1.0))) + 1.0, 0.0);
  const auto halves = [](const Tensor& e) {
    const Tensor half = floor(e * 0.5);
    return std::pair(exp2(-half), exp2(half - e));
  };
  const auto [first, second] = halves(exponent);
  const Tensor mantissa = size * first * second;
  const auto one_where = [&](const Tensor& condition) { return to_dtype(logical_and(plain, condition), DType::f64); };
  exponent = exponent + one_where(ge(mantissa, 1.0)) - one_where(lt(mantissa, 0.5));
  const auto [left, right] = halves(exponent);
  return {to_dtype(to_dtype(x, DType::f64) * left * right, x.dtype()), to_dtype(exponent, DType::i32)};
}

Tensor logit_within(const Tensor& x, double eps) { return logit(clamp_between(x, number(eps), number(1 - eps))); }

Tensor replace_nonfinite(const Tensor& x, double nan, const Tensor& posinf, const Tensor& neginf) {
  if (!is_floating(x.dtype())) return clone(x);
  const double top = x.dtype() == DType::f16    ? 65504
                     : x.dtype() == DType::bf16 ? 0x1.fep127
                     : x.dtype() == DType::f32  ? 0x1.fffffep127
                                                : 0x1.fffffffffffffp1023;
  const Tensor high = posinf.defined() ? posinf : number(top);
  const Tensor low = neginf.defined() ? neginf : number(-top);
  return nan_to_num(x, high, low, nan);
}

Tensor polygamma(int64_t n, const Tensor& x) {
  if (n < 0) fail<RuntimeError>("polygamma: n must not be negative, got %lld", static_cast<long long>(n));
  return n == 0 ? digamma(x) : polygamma(x, double(n));
}

Tensor mvlgamma(const Tensor& x, int64_t p) {
  if (p < 1)
    fail<RuntimeError>("mvlgamma: p has to be greater than or equal to 1, got %lld", static_cast<long long>(p));
  const Tensor in = is_floating(x.dtype()) ? x : to_dtype(x, default_dtype());
  Tensor total = lgamma(in) + double(p * (p - 1)) / 4 * 1.1447298858494002;  // log(pi)
  for (int64_t i = 1; i < p; ++i) total = total + lgamma(in - double(i) / 2);
  return total;
}

Tensor signbit(const Tensor& x) {
  if (x.dtype() == DType::bool_) return zeros(x.sizes(), DType::bool_, x.device());
  return lt(is_floating(x.dtype()) ? copysign(number(1.0), x) : x, 0.0);
}

Tensor is_infinity(const Tensor& x, double infinity) {
  return is_floating(x.dtype()) ? eq(x, infinity) : zeros(x.sizes(), DType::bool_, x.device());
}

Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  if (a.dtype() != b.dtype())
    fail<RuntimeError>("isclose: input and other must have one dtype, got %s and %s", name(a.dtype()), name(b.dtype()));
  if (rtol < 0 || atol < 0)
    fail<RuntimeError>("isclose: rtol and atol must not be negative, got %g and %g", rtol, atol);
  Tensor close = eq(a, b);
  if (equal_nan) close = logical_or(close, logical_and(isnan(a), isnan(b)));
  if (a.dtype() == DType::bool_) return close;
  const Tensor allowed = abs(b * rtol) + atol, error = abs(a - b);
  return logical_or(close, logical_and(isfinite(error), le(error, allowed)));
}

void assign(const char* op, const Tensor& x, const Tensor& result) {
  const auto rank = [](DType d) { return is_floating(d) ? 2 : is_integral(d) ? 1 : 0; };
  if (rank(result.dtype()) > rank(x.dtype()))
    fail<RuntimeError>("%s: result type %s can't be cast to the desired output type %s", op, name(result.dtype()),
                       name(x.dtype()));
  if (!(broadcast_shape(op, x.sizes(), result.sizes()) == x.sizes()))
    fail<RuntimeError>("%s: output with shape %s doesn't match the broadcast shape %s", op,
                       to_string(x.sizes()).c_str(), to_string(result.sizes()).c_str());
  copy_(x, result);
}

Tensor without_history(const Tensor& x) {
  struct Unrecorded {
    uint32_t listeners = thread_state.active_listeners;
    Unrecorded() { thread_state.active_listeners &= ~uint32_t(kTape); }
    ~Unrecorded() { thread_state.active_listeners = listeners; }
  } unrecorded;
  return clone(x);
}

Tensor before_writing(const Tensor& x) {
  return thread_state.active_listeners & kTape && is_floating(x.dtype()) ? clone(x) : x;
}

}  // namespace hotloop::ops
