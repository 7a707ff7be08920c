// In-place forms of ops that have no kernel of their own for it.
#pragma once

#include "autograd/node.h"
#include "bindings/arguments.h"
#include "ops/arithmetic.h"

namespace hotloop::bindings {

inline bool in_graph(const Tensor& t) { return t.defined() && needs_grad(t); }
inline bool in_graph(const std::vector<Tensor>& tensors) {
  for (const Tensor& t : tensors)
    if (in_graph(t)) return true;
  return false;
}
template <class T>
bool in_graph(const T&) {
  return false;
}

// Its result written over its first argument, of which the gradient keeps a copy where it may read it.
template <auto op>
struct InPlace;
template <class... A, Tensor (*op)(const Tensor&, A...)>
struct InPlace<op> {
  static void run(const Tensor& x, A... rest) {
    const bool recorded = in_graph(x) || (in_graph(rest) || ...);
    ops::assign("in-place form", x, op(recorded ? ops::before_writing(x) : x, rest...));
  }
};
template <auto op>
constexpr auto in_place = InPlace<op>::run;

}  // namespace hotloop::bindings
