// A Python number on its way into an op: it keeps its category (bool, integer, floating).
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop {

struct Scalar {
  enum Kind : uint8_t { boolean, integer, floating };
  Kind kind = floating;
  int64_t i = 0;
  double f = 0;

  Scalar() = default;
  Scalar(double value) : kind(floating), i(0), f(value) {}
  Scalar(int64_t value) : kind(integer), i(value), f(double(value)) {}
  Scalar(int value) : Scalar(int64_t(value)) {}
  Scalar(bool value) : kind(boolean), i(value), f(value) {}

  double as_double() const { return kind == floating ? f : double(i); }
  int64_t as_int() const { return kind == floating ? int64_t(f) : i; }
  bool operator==(double v) const { return as_double() == v; }
};

// Can the dtype hold this number (cut to a whole one, for an integer type)? An unsigned type takes the negatives of what
// it holds too, as in PyTorch. Floating types hold any.
bool fits(const Scalar& value, DType dtype);

}  // namespace hotloop
