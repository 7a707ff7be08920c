// Pointwise ops. Arithmetic and gradient of each are its row in kernels/args/pointwise.def; here the
// rows become records, with one shape rule, one launcher and one way of promoting operands for all.
#include "ops/pointwise.h"

#include "core/error.h"
#include "dispatch/pointwise.h"
#include "ops/arithmetic.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/overlap.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

// A row's p0 and p1 as PointwiseArgs has them.
struct Scalars {
  double p[2];
  int64_t n[2];
};

// Bounds such as infinity have no integer; the nearest one stands for them.
int64_t nearest_integer(double p) { return p >= 0x1p63 ? INT64_MAX : p <= -0x1p63 ? INT64_MIN : int64_t(p); }

Scalars scalars_of(double p0, double p1) { return {{p0, p1}, {nearest_integer(p0), nearest_integer(p1)}}; }

// Does `text` name `word` as a whole identifier? Finds, when the library is compiled, which tensors a
// row's gradient reads.
constexpr bool mentions(const char* text, const char* word) {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  for (const char* at = text; *at; ++at) {
    if (at != text && part(at[-1])) continue;
    int i = 0;
    while (word[i] && at[i] == word[i]) ++i;
    if (!word[i] && !part(at[i])) return true;
  }
  return false;
}

constexpr uint32_t inputs_read(const char* text) {
  return uint32_t(mentions(text, "a")) | uint32_t(mentions(text, "b")) << 1 | uint32_t(mentions(text, "c")) << 2;
}

constexpr Saves saves_of(const char* grad_a, const char* grad_b = "", const char* grad_c = "") {
  return {{inputs_read(grad_a), inputs_read(grad_b), inputs_read(grad_c)},
          {mentions(grad_a, "out"), mentions(grad_b, "out"), mentions(grad_c, "out")}};
}

// --- shapes and launch ------------------------------------------------------------------------------
void shape_as(Call& c, DType dtype) {
  Dims sizes = c.in(0).sizes();
  for (int i = 1; i < c.n_inputs; ++i)
    if (!(c.in(i).sizes() == sizes)) sizes = broadcast_shape(c.op.name, sizes, c.in(i).sizes());
  pointwise_output(c, sizes, dtype);
}

void same_dtype_shape(Call& c) { shape_as(c, c.in(c.n_inputs - 1).dtype()); }
void bool_shape(Call& c) { shape_as(c, DType::bool_); }

bool divides_integers(const Call& c) {
  const auto op = PointwiseOp(c.op.code);
  return (op == PointwiseOp::floor_divide || op == PointwiseOp::remainder || op == PointwiseOp::fmod) &&
         !is_floating(c.in(1).dtype());
}

template <class T>
bool has_zero(const T* data, const Dims& sizes, const Dims& strides, int dim) {
  if (dim == sizes.n) return *data == 0;
  bool found = false;
  for (int64_t i = 0; i < sizes[dim]; ++i)
    found |=
        dim + 1 == sizes.n ? data[i * strides[dim]] == 0 : has_zero(data + i * strides[dim], sizes, strides, dim + 1);
  return found;
}

// Kernels give 0 there; whoever divides is told, as in PyTorch, before anything is written.
void check_divisor(const Call& c) {
  const Tensor& b = c.in(1);
  const auto has = [&]<class T>(T) { return has_zero(b.data<const T>(), b.sizes(), b.strides(), 0); };
  const bool zero = b.dtype() == DType::u8    ? has(uint8_t())
                    : b.dtype() == DType::i8  ? has(int8_t())
                    : b.dtype() == DType::i32 ? has(int32_t())
                                              : has(int64_t());
  if (zero) fail<RuntimeError>("%s: ZeroDivisionError: an integer divided by zero", c.op.name);
}

void launch_pointwise(Call& c) {
  const Tensor& out = c.outputs[0];
  if (out.numel() == 0) return;
  const bool on_cpu = c.device.type == DeviceType::cpu;
  if (on_cpu && divides_integers(c)) [[unlikely]]
    check_divisor(c);  // a GPU's kernel would have to be waited for; there the quotient is 0
  PointwiseArgs args;
  args.out = out.data();
  args.host_inputs = 0;
  bool dense = out->contiguous, flat = out->contiguous;
  for (int i = 0; i < c.n_inputs; ++i) {
    const Tensor& in = c.in(i);
    args.in[i] = in.data();
    if (!on_cpu && in.device().type == DeviceType::cpu) args.host_inputs |= uint8_t(1u << i);
    const bool whole = in->contiguous && in.numel() == out.numel();
    dense &= whole;
    flat &= whole || in.numel() == 1;
  }
  if (c.op.attributes_bytes) {
    const Scalars& s = c.attrs<Scalars>();
    for (int i = 0; i < 2; ++i) {
      args.p[i] = s.p[i];
      args.n[i] = s.n[i];
    }
  }
  args.dense = dense;
  if (flat) {
    args.ndim = 1;
    args.sizes[0] = out.numel();
    args.out_strides[0] = 1;
    for (int i = 0; i < c.n_inputs; ++i) args.in_strides[i][0] = c.in(i).numel() == out.numel();
  } else {
    args.ndim = out.ndim();
    for (int d = 0; d < out.ndim(); ++d) {
      args.sizes[d] = out.size(d);
      args.out_strides[d] = out.stride(d);
      for (int i = 0; i < c.n_inputs; ++i) {
        const int own = d - (out.ndim() - c.in(i).ndim());
        args.in_strides[i][d] = own < 0 || c.in(i).size(own) == 1 ? 0 : c.in(i).stride(own);
      }
    }
    dispatch::coalesce(args, c.n_inputs);
  }
  dispatch::pointwise(c.device, PointwiseOp(c.op.code), c.in(c.n_inputs - 1).dtype(), args);
}

// --- gradients, row by row --------------------------------------------------------------------------
struct Zero {
} constexpr ZERO;
struct None {
} constexpr NONE;

void give(Gradient& g, int input, const Tensor& grad) { g.set(input, grad); }
void give(Gradient& g, int input, Zero) {
  if (g.needs(input)) g.set(input, zeros_like(g.grad(0)));
}
void give(Gradient&, int, None) {}

// Of a function that has a slope but that PyTorch doesn't differentiate either.
Tensor refused(const Tensor&, const char* name) {
  fail<RuntimeError>("%s: the derivative of %s is not implemented", name, name);
}

// Factors of gradients, made of ops, so that they differentiate any number of times. They vanish far out, where a
// power of x times e^(-x^2) would be infinity times zero: there x is held at a bound past which they are zero in f64.
// (Not by clamp, whose gradient is zero for NaN.)
Tensor held(const Tensor& x, double bound) { return minimum(maximum(x, -bound), bound); }

// Zero at zero, where it is not differentiated again either.
Tensor sinc_slope(const Tensor& x) {
  const Tensor at_zero = eq(x, 0.0), divisor = where(at_zero, 1.0, x);
  return where(at_zero, 0.0, (cos(divisor * 3.141592653589793) - sinc(divisor)) / divisor);
}

// The second derivative of x Phi(x): phi(x) (2 - x^2).
Tensor gelu_curvature(const Tensor& x) {
  const Tensor z = square(held(x, 40));
  return exp(z * -0.5) * (2.0 - z) * 0.3989422804014327;
}

// The second derivative of the sigmoid: s t (t - s), t = 1 - s.
Tensor sigmoid_curvature(const Tensor& x) {
  const Tensor s = sigmoid(x), t = sigmoid(-x);
  return s * t * (t - s);
}

// The second derivative of x s(x), s = sigmoid and t = 1 - s: s t (2 + x (t - s)).
Tensor silu_curvature(const Tensor& x) {
  const Tensor z = held(x, 800), s = sigmoid(z), t = sigmoid(-z);
  return s * t * (z * (t - s) + 2.0);
}

// The third derivative of x s(v), v = x (k1 + k3 x^2), from s' = s t v', (s t)' = s t (t - s) v'.
Tensor gelu_tanh_third(const Tensor& a) {
  constexpr double k1 = 1.5957691216057308, k3 = 0.07135481627260025;
  const Tensor x = held(a, 22), x2 = square(x);
  const Tensor v = x * (x2 * k3 + k1), v1 = x2 * (3 * k3) + k1, v2 = x * (6 * k3);
  const Tensor s = sigmoid(v), t = sigmoid(-v), st = s * t;
  return st * ((t - s) * v1 * (v1 + x * v2) * 3.0 + v2 * 4.0 + x * (1.0 - st * 6.0) * v1 * v1 * v1);
}

// The second derivative of x t, t = tanh(log(1 + e^x)), s = sigmoid(x): u s (2 + x (1 - s - 2 t s)), u = 1 - t^2.
Tensor mish_curvature(const Tensor& x) {
  const Tensor z = held(x, 40), s = sigmoid(z), t = tanh(log1p(exp(z))), u = 1.0 - t * t;
  return u * s * (z * (1.0 - s - t * s * 2.0) + 2.0);
}

// The derivative by p of (p - t) / max(p (1 - p), 1e-12).
Tensor cross_entropy_curvature(const Tensor& p, const Tensor& t) {
  const Tensor variance = (1.0 - p) * p, held = clamp_scalar(variance, 1e-12f, __builtin_inf());
  const Tensor slope = where(ge(variance, double(1e-12f)), 1.0 - p * 2.0, 0.0);
  return (1.0 - (p - t) * slope / held) / held;
}

// 1 for 0, whose quotient nothing reads: its own gradient would be infinity times 0.
Tensor divisor(const Tensor& x) { return where(eq(x, 0.0), 1.0, x); }

// x / (a^2 + b^2), zero at the origin.
Tensor over_square(const Tensor& x, const Tensor& a, const Tensor& b) {
  const Tensor square = a * a + b * b;
  return x / where(eq(square, 0.0), 1.0, square);
}

// The names that a row's gradient may use, read from the tape only where it does.
#define HOTLOOP_ROW_NAMES(gradient)                                                          \
  [[maybe_unused]] const Tensor& grad = g.grad(0);                                           \
  [[maybe_unused]] const Tensor a = mentions(gradient, "a") ? g.in(0) : Tensor();            \
  [[maybe_unused]] const Tensor b = mentions(gradient, "b") ? g.in(1) : Tensor();            \
  [[maybe_unused]] const Tensor c = mentions(gradient, "c") ? g.in(2) : Tensor();            \
  [[maybe_unused]] const Tensor out = mentions(gradient, "out") ? g.out(0) : Tensor();       \
  [[maybe_unused]] const double p0 = mentions(gradient, "p0") ? g.attrs<Scalars>().p[0] : 0; \
  [[maybe_unused]] const double p1 = mentions(gradient, "p1") ? g.attrs<Scalars>().p[1] : 0;
#define HOTLOOP_GRADIENT(input, gradient) \
  if (g.needs(input)) {                   \
    HOTLOOP_ROW_NAMES(#gradient)          \
    give(g, input, gradient);             \
  }

#define UNARY(name, dtypes, arithmetic, grad_a) \
  void name##_gradient(Gradient& g) { HOTLOOP_GRADIENT(0, grad_a) }
#define BINARY(name, dtypes, arithmetic, grad_a, grad_b) \
  void name##_gradient(Gradient& g) {                    \
    HOTLOOP_GRADIENT(0, grad_a)                          \
    HOTLOOP_GRADIENT(1, grad_b)                          \
  }
#define TERNARY(name, dtypes, arithmetic, grad_a, grad_b, grad_c) \
  void name##_gradient(Gradient& g) {                             \
    HOTLOOP_GRADIENT(0, grad_a)                                   \
    HOTLOOP_GRADIENT(1, grad_b)                                   \
    HOTLOOP_GRADIENT(2, grad_c)                                   \
  }
#define SELECTION TERNARY
#define PREDICATE(...)
#define COMPARISON(...)
#include "kernels/args/pointwise.def"

// --- records ----------------------------------------------------------------------------------------
constexpr OpRecord record(const char* name, PointwiseOp op, void (*shape)(Call&), void (*gradient)(Gradient&),
                          Saves saves, bool has_scalars) {
  return {.name = name,
          .shape = shape,
          .kernel = every_device(launch_pointwise),
          .gradient = gradient,
          .saves = saves,
          .attributes_bytes = uint16_t(has_scalars ? sizeof(Scalars) : 0),
          .takes_host_numbers = true,
          .code = uint16_t(op)};
}

// A record and the dtypes that it takes.
struct Row {
  OpRecord record;
  DTypeSet dtypes;
};

constexpr bool scalars(const char* arithmetic) { return mentions(arithmetic, "p0"); }

using GradientFunction = void (*)(Gradient&);
// None where every input's is NONE.
constexpr GradientFunction gradient_or_null(GradientFunction gradient, const char* a, const char* b = "NONE",
                                            const char* c = "NONE") {
  return mentions(a, "NONE") && mentions(b, "NONE") && mentions(c, "NONE") ? nullptr : gradient;
}

#define UNARY(name, dtypes, arithmetic, grad_a)                                                                       \
  const Row name##_row{record(#name, PointwiseOp::name, same_dtype_shape, gradient_or_null(name##_gradient, #grad_a), \
                              saves_of(#grad_a), scalars(#arithmetic)),                                               \
                       dtypes};
#define BINARY(name, dtypes, arithmetic, grad_a, grad_b)                                                      \
  const Row name##_row{                                                                                       \
      record(#name, PointwiseOp::name, same_dtype_shape, gradient_or_null(name##_gradient, #grad_a, #grad_b), \
             saves_of(#grad_a, #grad_b), scalars(#arithmetic)),                                               \
      dtypes};
#define TERNARY(name, dtypes, arithmetic, grad_a, grad_b, grad_c)                          \
  const Row name##_row{record(#name, PointwiseOp::name, same_dtype_shape, name##_gradient, \
                              saves_of(#grad_a, #grad_b, #grad_c), scalars(#arithmetic)),  \
                       dtypes};
#define SELECTION TERNARY
#define PREDICATE(name, dtypes, arithmetic) \
  const Row name##_row{record(#name, PointwiseOp::name, bool_shape, nullptr, {}, false), dtypes};
#define COMPARISON PREDICATE
#include "kernels/args/pointwise.def"

// --- promotion --------------------------------------------------------------------------------------
bool is_sixteen_bits(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// What operands of `dtype` are computed in.
DType settle(const Row& row, DType dtype) {
  if (row.dtypes & set_of(dtype)) return dtype;
  if (row.dtypes & set_of(DType::f32)) {
    if (is_sixteen_bits(dtype)) return DType::f32;
    if (!(row.dtypes & kIntegers) && !is_floating(dtype)) return settle(row, default_dtype());
  }
  fail<DTypeError>("%s: not implemented for dtype %s", row.record.name, name(dtype));
}

// Results of 16-bit floats that were computed in f32 have their dtype again.
Tensor as_sixteen_bits(const Tensor& result, DType dtype) {
  return is_sixteen_bits(dtype) && result.dtype() == DType::f32 ? to_dtype(result, dtype) : result;
}

// A number becomes a plain tensor: one that is saved for a gradient must count there by its dtype.
Tensor as(const Tensor& t, DType dtype) {
  if (t->wrapped_number) return scalar_tensor(item(t), dtype);
  if (t.dtype() == dtype) return t;
  return to_dtype(t, dtype);
}

Tensor run_row(const Row& row, const Inputs& inputs, double p0, double p1) {
  if (row.record.attributes_bytes) return call(row.record, inputs, scalars_of(p0, p1));
  return call(row.record, inputs);
}

void run_row_into(const Tensor& out, const Row& row, const Inputs& inputs, double p0, double p1) {
  if (row.record.attributes_bytes) return call_into(out, row.record, inputs, scalars_of(p0, p1));
  call_into(out, row.record, inputs);
}

bool plain_pair(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && !a->wrapped_number && !b->wrapped_number;
}

Tensor unary(const Row& row, const Tensor& a, double p0, double p1) {
  const DType dtype = settle(row, a.dtype());
  if (dtype == a.dtype() && !a->wrapped_number) return run_row(row, {a}, p0, p1);
  return as_sixteen_bits(run_row(row, {as(a, dtype)}, p0, p1), a.dtype());
}

void unary_in_place(const Row& row, const Tensor& a, double p0, double p1) {
  const DType dtype = settle(row, a.dtype());
  if (is_sixteen_bits(a.dtype()) && dtype != a.dtype()) return copy_(a, run_row(row, {to_dtype(a, dtype)}, p0, p1));
  if (dtype != a.dtype())
    fail<RuntimeError>("%s_: result type %s can't be cast to the desired output type %s", row.record.name, name(dtype),
                       name(a.dtype()));
  run_row_into(a, row, {a}, p0, p1);
}

// The dtype that the operands of a binary row promote to.
DType common_dtype(const Row& row, const Tensor& a, const Tensor& b) {
  if (plain_pair(a, b)) return a.dtype();
  if (&row == &sub_row && (a.dtype() == DType::bool_ || b.dtype() == DType::bool_))
    fail<DTypeError>(
        "sub: a bool operand can't be subtracted or subtracted from, got %s and %s; use ^ or logical_not()",
        name(a.dtype()), name(b.dtype()));
  return result_type({&a, &b});
}

// A product or quotient of 16-bit floats by a number rounds the result alone, as PyTorch's does: 1e5 is no infinity there,
// nor 0.1 the float16 next to it. Null for other rows and operands.
const Row* by_number(const Row& row, DType common, const Tensor& b) {
  if (!is_sixteen_bits(common) || !b->wrapped_number) return nullptr;
  return &row == &mul_row ? &mul_number_row : &row == &div_row ? &div_number_row : nullptr;
}

// The 16-bit float next to x towards b: x and somewhat more than half a unit, rounded.
Tensor next_sixteen_bits(const Tensor& x, const Tensor& b, DType dtype) {
  struct Format {
    double half_unit, half_subnormal, largest;  // of 1 and of the numbers next to 0, each a little more
  };
  const Format f =
      dtype == DType::bf16 ? Format{0x1.02p-8, 0x1.8p-134, 0x1.fep127} : Format{0x1.02p-11, 0x1.8p-25, 65504};
  const Tensor from = to_dtype(x, DType::f32), to = to_dtype(b, DType::f32);
  const Tensor at = without_history(from), target = without_history(to);
  const Tensor unit = maximum(abs(at) * f.half_unit, number(f.half_subnormal));
  const Tensor step = where(eq(at, target), 0.0, where(lt(at, target), unit, -unit));
  const Tensor held = where(ne(at, target), minimum(maximum(from, number(-f.largest)), number(f.largest)), from);
  const Tensor next = where(isinf(at), held, from + step);
  return to_dtype(where(isnan(target), target, next), dtype);
}

Tensor binary(const Row& row, const Tensor& a, const Tensor& b, double p0, double p1) {
  const DType common = common_dtype(row, a, b), dtype = settle(row, common);
  if (&row != &add_scaled_row && dtype == a.dtype() && plain_pair(a, b)) return run_row(row, {a, b}, p0, p1);
  if (const Row* one = by_number(row, common, b)) return run_row(*one, {as(a, dtype)}, item(b).as_double(), 0);
  if (&row == &mul_row && by_number(row, common, a)) return binary(row, b, a, p0, p1);
  if (&row == &add_scaled_row && is_sixteen_bits(common)) p0 = item(scalar_tensor(p0, common)).as_double();
  if (&row == &nextafter_row && is_sixteen_bits(common)) return next_sixteen_bits(a, b, common);
  return as_sixteen_bits(run_row(row, {as(a, dtype), as(b, dtype)}, p0, p1), common);
}

void binary_in_place(const Row& row, const Tensor& a, const Tensor& b, double p0, double p1) {
  const DType dtype = settle(row, common_dtype(row, a, b));
  const bool is_bool = row.record.shape == bool_shape;
  const auto rank = [](DType d) { return is_floating(d) ? 2 : is_integral(d) ? 1 : 0; };
  if (!is_bool && rank(dtype) > rank(a.dtype()))
    fail<RuntimeError>("%s_: result type %s can't be cast to the desired output type %s", row.record.name, name(dtype),
                       name(a.dtype()));
  if (const Row* one = by_number(row, dtype, b); one && dtype == a.dtype())
    return run_row_into(a, *one, {a}, item(b).as_double(), 0);
  if (&row == &nextafter_row && is_sixteen_bits(a.dtype())) return copy_(a, binary(row, a, b, p0, p1));
  if (dtype == a.dtype() && !(is_bool && a.dtype() != DType::bool_)) {
    const Tensor other = as(b, dtype);
    return run_row_into(a, row, {a, overlaps(a, other) ? clone(other) : other}, p0, p1);
  }
  copy_(a, run_row(row, {as(a, dtype), as(b, dtype)}, p0, p1));
}

Tensor ternary(const Row& row, const Tensor& a, const Tensor& b, const Tensor& c, double p0, double p1) {
  const DType common = result_type({&a, &b, &c}), dtype = settle(row, common);
  return as_sixteen_bits(run_row(row, {as(a, dtype), as(b, dtype), as(c, dtype)}, p0, p1), common);
}

Tensor selection(const Row& row, const Tensor& condition, const Tensor& a, const Tensor& b) {
  if (condition.dtype() == DType::u8) return selection(row, to_dtype(condition, DType::bool_), a, b);
  if (condition.dtype() != DType::bool_)
    fail<RuntimeError>("%s: expected condition to be a boolean tensor, but got a tensor with dtype %s", row.record.name,
                       name(condition.dtype()));
  const DType dtype = settle(row, plain_pair(a, b) ? a.dtype() : result_type({&a, &b}));
  return run_row(row, {condition, as(a, dtype), as(b, dtype)}, 0, 0);
}

}  // namespace

void pointwise_output(Call& c, const Dims& sizes, DType dtype) {
  const Tensor& first = c.in(0);
  Destination* destination = thread_state.destination;
  if (destination && !c.in_place && destination->take(c, sizes, dtype, true)) return;
  if (c.in_place || first->contiguous || !(first.sizes() == sizes)) return c.output(0, sizes, dtype);
  for (int i = 1; i < c.n_inputs; ++i)
    if (c.in(i).ndim() > 0 && !(c.in(i).sizes() == sizes && c.in(i).strides() == first.strides()))
      return c.output(0, sizes, dtype);
  // A permutation of a contiguous tensor is kept: sorted by stride, each is the product of those inside.
  int order[kMaxDims];
  for (int i = 0; i < sizes.n; ++i) {
    int at = i;
    while (at > 0 && first.stride(order[at - 1]) > first.stride(i)) order[at] = order[at - 1], --at;
    order[at] = i;
  }
  int64_t step = 1;
  for (int i = 0; i < sizes.n; ++i) {
    const int d = order[i];
    if (sizes[d] != 1 && first.stride(d) != step) return c.output(0, sizes, dtype);
    step *= sizes[d];
  }
  c.outputs[0] = empty_strided(sizes, first.strides(), dtype, c.device);
}

#define UNARY(name, ...)                                                                      \
  Tensor name(const Tensor& a, double p0, double p1) { return unary(name##_row, a, p0, p1); } \
  void name##_(const Tensor& a, double p0, double p1) { unary_in_place(name##_row, a, p0, p1); }
#define BINARY(name, ...)                                                                                          \
  Tensor name(const Tensor& a, const Tensor& b, double p0, double p1) { return binary(name##_row, a, b, p0, p1); } \
  void name##_(const Tensor& a, const Tensor& b, double p0, double p1) { binary_in_place(name##_row, a, b, p0, p1); }
#define TERNARY(name, ...)                                                               \
  Tensor name(const Tensor& a, const Tensor& b, const Tensor& c, double p0, double p1) { \
    return ternary(name##_row, a, b, c, p0, p1);                                         \
  }
#define SELECTION(name, ...)                                                               \
  Tensor name(const Tensor& condition, const Tensor& a, const Tensor& b, double, double) { \
    return selection(name##_row, condition, a, b);                                         \
  }
#define PREDICATE(name, ...) \
  Tensor name(const Tensor& a) { return unary(name##_row, a, 0, 0); }
#define COMPARISON BINARY
#include "kernels/args/pointwise.def"

void ne_into(const Tensor& out, const Tensor& a, const Tensor& b) { call_into(out, ne_row.record, {a, b}); }

Tensor clamp_integers(const Tensor& a, int64_t min, int64_t max) {
  return call(clamp_scalar_row.record, {a}, Scalars{{double(min), double(max)}, {min, max}});
}

void clamp_integers_(const Tensor& a, int64_t min, int64_t max) {
  call_into(a, clamp_scalar_row.record, {a}, Scalars{{double(min), double(max)}, {min, max}});
}

Tensor where(const Tensor& condition, const Tensor& a, double b) { return where(condition, a, number(b)); }
Tensor where(const Tensor& condition, double a, const Tensor& b) { return where(condition, number(a), b); }
Tensor zeros_like(const Tensor& t) { return zeros(t.sizes(), t.dtype(), t.device()); }

namespace {

constexpr const Row* kRows[kPointwiseOps] = {
#define EACH(name) &name##_row,
#include "kernels/args/pointwise.def"
};

}  // namespace

void launch_row(PointwiseOp op, const Inputs& inputs, const Tensor& out, double p0) {
  const Scalars scalars = scalars_of(p0, 0);
  Call c{kRows[int(op)]->record, inputs.begin(), inputs.size(), &scalars, out.device()};
  c.outputs[0] = out;
  launch_pointwise(c);
}

Records pointwise_records() {
  Records records;
  for (const Row* row : kRows) records.push_back(&row->record);
  return records;
}

Tensor run_pointwise(const std::string& name, const std::vector<Tensor>& inputs, double p0, double p1) {
  for (const Row* row : kRows) {
    if (name != row->record.name) continue;
    const auto op = PointwiseOp(row->record.code);
    if (int(inputs.size()) != dispatch::inputs(op))
      fail<ValueError>("%s: expected %d inputs, got %zu", name.c_str(), dispatch::inputs(op), inputs.size());
    for (const Tensor& t : inputs)
      if (!(row->dtypes & set_of(inputs.back().dtype())) || (t.dtype() != inputs.back().dtype() && &t != &inputs[0]))
        fail<TypeError>("%s: not implemented for dtype %s", name.c_str(), hotloop::name(t.dtype()));
    switch (inputs.size()) {
      case 1: return run_row(*row, {inputs[0]}, p0, p1);
      case 2: return run_row(*row, {inputs[0], inputs[1]}, p0, p1);
      default: return run_row(*row, {inputs[0], inputs[1], inputs[2]}, p0, p1);
    }
  }
  fail<ValueError>("%s: no pointwise op has this name", name.c_str());
}

}  // namespace hotloop::ops
