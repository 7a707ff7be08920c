// The rows of pointwise.def as types: PointwiseRow<op>::apply computes it for vectors and for scalars.
#pragma once

#include "kernels/args/pointwise.h"
#include "kernels/cpu/common/pointwise_math.h"

namespace hotloop::HOTLOOP_ISA {

template <PointwiseOp op>
struct PointwiseRow;

#define ROW(name, kDTypesOfRow, arithmetic, kInputsOfRow, kIsPredicate, kIsSelection)                          \
  template <>                                                                                                  \
  struct PointwiseRow<PointwiseOp::name> {                                                                     \
    static constexpr DTypeSet kDTypes = kDTypesOfRow;                                                          \
    static constexpr int kInputs = kInputsOfRow;                                                               \
    static constexpr bool kPredicate = kIsPredicate;                                                           \
    static constexpr bool kSelection = kIsSelection;                                                           \
    template <class A, class V>                                                                                \
    static auto apply([[maybe_unused]] A a, [[maybe_unused]] V b, [[maybe_unused]] V c, [[maybe_unused]] V p0, \
                      [[maybe_unused]] V p1) {                                                                 \
      [[maybe_unused]] const auto C = [](double x) { return constant<V>(x); };                                 \
      return arithmetic;                                                                                       \
    }                                                                                                          \
  };
#define UNARY(name, dtypes, arithmetic, ...) ROW(name, dtypes, arithmetic, 1, false, false)
#define BINARY(name, dtypes, arithmetic, ...) ROW(name, dtypes, arithmetic, 2, false, false)
#define TERNARY(name, dtypes, arithmetic, ...) ROW(name, dtypes, arithmetic, 3, false, false)
#define SELECTION(name, dtypes, arithmetic, ...) ROW(name, dtypes, arithmetic, 3, false, true)
#define PREDICATE(name, dtypes, arithmetic) ROW(name, dtypes, arithmetic, 1, true, false)
#define COMPARISON(name, dtypes, arithmetic) ROW(name, dtypes, arithmetic, 2, true, false)
#include "kernels/args/pointwise.def"
#undef ROW

}  // namespace hotloop::HOTLOOP_ISA
