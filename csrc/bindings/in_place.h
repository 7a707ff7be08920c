// In-place forms of ops that have no kernel of their own for it.
#pragma once

#include "bindings/arguments.h"
#include "ops/shape.h"

namespace hotloop::bindings {

// Its result written over its first argument.
template <auto op>
struct InPlace;
template <class... A, Tensor (*op)(const Tensor&, A...)>
struct InPlace<op> {
  static void run(const Tensor& x, A... rest) { ops::copy_(x, op(x, rest...)); }
};
template <auto op>
constexpr auto in_place = InPlace<op>::run;

}  // namespace hotloop::bindings
