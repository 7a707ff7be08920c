// Pointwise ops: for every row of kernels/args/pointwise.def a function of its name, the in-place form
// with a trailing underscore, and forms that take numbers. Operands broadcast and promote as in PyTorch.
#pragma once

#include "core/scalar.h"
#include "kernels/args/pointwise.h"
#include "ops/call.h"

namespace hotloop::ops {

// A number as a 0-d tensor; of this dtype, or one that takes part in promotion by category only.
Tensor scalar_tensor(Scalar value, DType dtype);
Tensor number(Scalar value);
// The value of a one-element tensor.
Scalar item(const Tensor& t);

// The dtype that operands promote to: tensors with dims decide; 0-d tensors, then plain numbers only
// where their category (bool, integer, floating) is higher.
DType result_type(std::initializer_list<const Tensor*> operands);
// What floating-point results of integer inputs have.
DType default_dtype();
void set_default_dtype(DType dtype);
// An output shaped and laid out for these inputs: their own layout where all share a dense one.
void pointwise_output(Call& c, const Dims& sizes, DType dtype);
// Computes a row into `out`, past the door: for kernels of ops that rows make up.
void launch_row(PointwiseOp op, const Inputs& inputs, const Tensor& out, double p0 = 0);

// p0, p1: the row's scalars, for rows that have them.
#define UNARY(name, ...)                                      \
  Tensor name(const Tensor& a, double p0 = 0, double p1 = 0); \
  void name##_(const Tensor& a, double p0 = 0, double p1 = 0);
#define BINARY(name, ...)                                                       \
  Tensor name(const Tensor& a, const Tensor& b, double p0 = 0, double p1 = 0);  \
  void name##_(const Tensor& a, const Tensor& b, double p0 = 0, double p1 = 0); \
  inline Tensor name(const Tensor& a, double b) { return name(a, number(b)); }
#define TERNARY(name, ...) Tensor name(const Tensor& a, const Tensor& b, const Tensor& c, double p0 = 0, double p1 = 0);
#define SELECTION TERNARY
#define PREDICATE(name, ...) Tensor name(const Tensor& a);
#define COMPARISON BINARY
#include "kernels/args/pointwise.def"

// Where a and b, of one dtype, differ: into bools that there are.
void ne_into(const Tensor& out, const Tensor& a, const Tensor& b);
// clamp_scalar of an integer tensor by bounds that a double may not hold.
Tensor clamp_integers(const Tensor& a, int64_t min, int64_t max);
void clamp_integers_(const Tensor& a, int64_t min, int64_t max);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor where(const Tensor& condition, double a, const Tensor& b);
Tensor zeros_like(const Tensor& t);

}  // namespace hotloop::ops

namespace hotloop {

// In the library's namespace, where argument-dependent look-up finds them.
inline Tensor operator-(const Tensor& a) { return ops::neg(a); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return ops::add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return ops::sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return ops::mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return ops::div(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return ops::add(a, b); }
inline Tensor operator-(const Tensor& a, double b) { return ops::sub(a, b); }
inline Tensor operator*(const Tensor& a, double b) { return ops::mul(a, b); }
inline Tensor operator/(const Tensor& a, double b) { return ops::div(a, b); }
inline Tensor operator+(double a, const Tensor& b) { return ops::add(ops::number(a), b); }
inline Tensor operator-(double a, const Tensor& b) { return ops::sub(ops::number(a), b); }
inline Tensor operator*(double a, const Tensor& b) { return ops::mul(ops::number(a), b); }

}  // namespace hotloop
