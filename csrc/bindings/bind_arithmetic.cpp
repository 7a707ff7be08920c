// Pointwise ops with parameters or several forms; the others are rows of a table (bind_pointwise.cpp).
#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

Tensor divide(const Tensor& a, const Tensor& b, const std::optional<std::string>& rounding) {
  if (!rounding) return ops::div(a, b);
  if (*rounding == "floor") return ops::floor_divide(a, b);
  if (*rounding != "trunc")
    fail<RuntimeError>("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '%s'",
                       rounding->c_str());
  return ops::divide_truncated(a, b);
}

// Powers of which at least one operand is a tensor.
template <Tensor (*op)(const Tensor&, const Tensor&)>
Tensor of_a_tensor(const Tensor& base, const Tensor& exponent) {
  if (base->wrapped_number && exponent->wrapped_number)
    fail<TypeError>("pow(): one of input and exponent must be a Tensor, not both numbers");
  return op(base, exponent);
}

// alpha as a factor, of a kind that the result's dtype takes.
double factor_of(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  if (alpha.kind != Scalar::integer) {
    const DType dtype = ops::result_type({&a, &b});
    if (alpha.kind == Scalar::boolean && dtype != DType::bool_)
      fail<RuntimeError>("Boolean alpha only supported for Boolean results.");
    if (alpha.kind == Scalar::floating && !is_floating(dtype))
      fail<RuntimeError>("For integral input tensors, argument alpha must not be a floating point number.");
  }
  return alpha.as_double();
}

bool both_bool(const Tensor& a, const Tensor& b) { return a.dtype() == DType::bool_ && b.dtype() == DType::bool_; }

Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  const double factor = factor_of(a, b, alpha);
  if (factor == 1) return ops::add(a, b);
  if (both_bool(a, b)) return ops::add(a, factor == 0 ? ops::bitwise_and(b, ops::number(false)) : b);
  return ops::add_scaled(a, b, factor);
}

void add_(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  const double factor = factor_of(a, b, alpha);
  if (factor == 1) return ops::add_(a, b);
  if (both_bool(a, b)) return ops::copy_(a, add(a, b, alpha));
  ops::add_scaled_(a, b, factor);
}

Tensor sub(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  const double factor = factor_of(a, b, alpha);
  return factor == 1 || both_bool(a, b) ? ops::sub(a, b) : ops::add_scaled(a, b, -factor);
}

void sub_(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  const double factor = factor_of(a, b, alpha);
  factor == 1 || both_bool(a, b) ? ops::sub_(a, b) : ops::add_scaled_(a, b, -factor);
}

py::object where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  if (a.defined() && b.defined()) return owned(wrap(ops::where(condition, a, b)));
  if (a.defined() || b.defined()) fail<TypeError>("where(): input and other are given both or neither");
  return owned(to_python(ops::unbind(ops::nonzero(ops::atleast(condition, 1)), 1)));
}

// Of operands that have one dtype.
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight) {
  for (const Tensor* t : {&b, &weight})
    if (!(*t)->wrapped_number && t->dtype() != a.dtype())
      fail<RuntimeError>("lerp(): expected dtype %s for `%s` but got dtype %s", name(a.dtype()),
                         t == &b ? "end" : "weight", name(t->dtype()));
  // The number, which PyTorch doesn't round to 16 bits.
  if (weight->wrapped_number && (a.dtype() == DType::f16 || a.dtype() == DType::bf16))
    return ops::to_dtype(ops::lerp(ops::to_dtype(a, DType::f32), ops::to_dtype(b, DType::f32), weight), a.dtype());
  return ops::lerp(a, b, weight);
}

Tensor addcdiv(const Tensor& a, const Tensor& b, const Tensor& c, double value) {
  if (!is_floating(b.dtype()) && !is_floating(c.dtype()))
    fail<RuntimeError>("addcdiv(): integers are not divided, got %s and %s; use div() with a rounding mode",
                       name(b.dtype()), name(c.dtype()));
  return ops::addcdiv(a, b, c, value);
}

}  // namespace

void add_arithmetic_rows() {
  add_rows({
      HOTLOOP_OP("add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor", add,
                 "input + alpha * other, broadcast."),
      HOTLOOP_METHOD("add_(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor", add_,
                     "In-place form of add()."),
      HOTLOOP_OP("sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor", sub,
                 "input - alpha * other, broadcast."),
      HOTLOOP_METHOD("sub_(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor", sub_,
                     "In-place form of sub()."),
      HOTLOOP_FUNCTION(
          "rsub(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
          [](const Tensor& a, const Tensor& b, const Scalar& alpha) { return sub(b, a, alpha); },
          "other - alpha * input, broadcast."),
      HOTLOOP_OP("div(input: Tensor | Number, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor",
                 divide,
                 "input / other, broadcast; integers give floating results unless rounded by 'trunc' or 'floor'."),
      HOTLOOP_METHOD(
          "__rdiv__(input: Tensor, other: Tensor | Number) -> Tensor",
          [](const Tensor& a, const Tensor& b) { return ops::div(b, a); }, "other / input."),
      HOTLOOP_METHOD(
          "div_(input: Tensor, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor",
          [](const Tensor& a, const Tensor& b, const std::optional<std::string>& rounding) {
            rounding ? ops::assign("div_", a, divide(ops::before_writing(a), b, rounding)) : ops::div_(a, b);
          },
          "In-place form of div()."),
      HOTLOOP_OP("pow(input: Tensor | Number, exponent: Tensor | Number) -> Tensor", (of_a_tensor<ops::power>),
                 "input to the power of exponent, broadcast."),
      HOTLOOP_METHOD("pow_(input: Tensor, exponent: Tensor | Number) -> Tensor", ops::power_,
                     "In-place form of pow()."),
      HOTLOOP_OP("float_power(input: Tensor | Number, exponent: Tensor | Number) -> Tensor",
                 (of_a_tensor<ops::float_power>), "pow() computed in float64."),
      HOTLOOP_METHOD(
          "float_power_(input: Tensor, exponent: Tensor | Number) -> Tensor",
          [](const Tensor& a, const Tensor& b) {
            if (a.dtype() != DType::f64)
              fail<RuntimeError>("float_power_: the base must be float64, which the result has, got %s",
                                 name(a.dtype()));
            ops::assign("float_power_", a, ops::float_power(ops::before_writing(a), b));
          },
          "In-place form of float_power()."),
      HOTLOOP_OP(
          "clamp(input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor",
          ops::clamp_between, "Elements brought between min and max; NaN stays."),
      HOTLOOP_OP(
          "clamp_(input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor",
          ops::clamp_between_, "In-place form of clamp()."),
      HOTLOOP_OP(
          "clamp_min(input: Tensor, min: Tensor | Number) -> Tensor",
          [](const Tensor& x, const Tensor& min) { return ops::clamp_between(x, min, Tensor()); },
          "Elements no smaller than min; NaN stays."),
      HOTLOOP_OP(
          "clamp_max(input: Tensor, max: Tensor | Number) -> Tensor",
          [](const Tensor& x, const Tensor& max) { return ops::clamp_between(x, Tensor(), max); },
          "Elements no larger than max; NaN stays."),
      HOTLOOP_OP(
          "clamp_min_(input: Tensor, min: Tensor | Number) -> Tensor",
          [](const Tensor& x, const Tensor& min) { ops::clamp_between_(x, min, Tensor()); },
          "In-place form of clamp_min()."),
      HOTLOOP_OP(
          "clamp_max_(input: Tensor, max: Tensor | Number) -> Tensor",
          [](const Tensor& x, const Tensor& max) { ops::clamp_between_(x, Tensor(), max); },
          "In-place form of clamp_max()."),
      HOTLOOP_OP("lerp(input: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor", lerp,
                 "input + weight * (end - input)."),
      HOTLOOP_OP(
          "addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1.0) -> Tensor",
          [](const Tensor& a, const Tensor& b, const Tensor& c, double v) { return ops::addcmul(a, b, c, v); },
          "input + value * tensor1 * tensor2."),
      HOTLOOP_OP("addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1.0) -> Tensor", addcdiv,
                 "input + value * tensor1 / tensor2."),
      HOTLOOP_METHOD(
          "lerp_(input: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor",
          [](const Tensor& a, const Tensor& b, const Tensor& c) {
            ops::assign("lerp_", a, lerp(ops::before_writing(a), b, c));
          },
          "In-place form of lerp()."),
      HOTLOOP_METHOD(
          "addcmul_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1.0) -> Tensor",
          [](const Tensor& a, const Tensor& b, const Tensor& c, double v) {
            ops::assign("addcmul_", a, ops::addcmul(ops::before_writing(a), b, c, v));
          },
          "In-place form of addcmul()."),
      HOTLOOP_METHOD(
          "addcdiv_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1.0) -> Tensor",
          [](const Tensor& a, const Tensor& b, const Tensor& c, double v) {
            ops::assign("addcdiv_", a, addcdiv(ops::before_writing(a), b, c, v));
          },
          "In-place form of addcdiv()."),
      HOTLOOP_FUNCTION(
          "where(condition: Tensor, input: Tensor | Number | None = None, other: Tensor | Number | None = None) "
          "-> Tensor",
          where,
          "input where condition holds, other elsewhere; broadcast. Of a condition alone, where it holds: "
          "nonzero(condition, as_tuple=True)."),
      HOTLOOP_METHOD(
          "where(input: Tensor, condition: Tensor, other: Tensor | Number) -> Tensor",
          [](const Tensor& a, const Tensor& c, const Tensor& b) { return ops::where(c, a, b); },
          "This tensor where condition holds, other elsewhere; broadcast."),
      HOTLOOP_FUNCTION(
          "result_type(tensor1: Tensor | Number, tensor2: Tensor | Number) -> dtype",
          [](const Tensor& a, const Tensor& b) { return ops::result_type({&a, &b}); },
          "The dtype that an op of both would compute in."),
      HOTLOOP_FUNCTION(
          "promote_types(type1: dtype, type2: dtype) -> dtype", [](DType a, DType b) { return promote(a, b); },
          "The smallest dtype that both convert to."),
  });
}

}  // namespace hotloop::bindings
