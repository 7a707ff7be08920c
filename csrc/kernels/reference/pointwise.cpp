// The rows of pointwise.def, one element after another: floats in double with the C++ library's functions, integers in
// their own type.
#include "kernels/args/pointwise.h"
#include "core/half.h"
#include "kernels/reference/pointwise_math.h"

namespace hotloop::reference {

namespace {

double widen(half_t x) { return to_float(x); }
double widen(bfloat16_t x) { return to_float(x); }
double widen(float x) { return x; }
double widen(double x) { return x; }
template <Integer T>
T widen(T x) {
  return x;
}
template <class T, class W>
T narrow(W x) {
  if constexpr (std::is_same_v<T, half_t>) {
    return to_half(double(x));
  } else if constexpr (std::is_same_v<T, bfloat16_t>) {
    return to_bfloat16(double(x));
  } else {
    return T(x);
  }
}

template <PointwiseOp op>
struct Row;
#define ROW(name, kDTypesOfRow, arithmetic, kInputsOfRow, kIsPredicate, kIsSelection)                          \
  template <>                                                                                                  \
  struct Row<PointwiseOp::name> {                                                                              \
    static constexpr DTypeSet kDTypes = kDTypesOfRow;                                                          \
    static constexpr int kInputs = kInputsOfRow;                                                               \
    static constexpr bool kPredicate = kIsPredicate, kSelection = kIsSelection;                                \
    template <class A, class W>                                                                                \
    static auto apply([[maybe_unused]] A a, [[maybe_unused]] W b, [[maybe_unused]] W c, [[maybe_unused]] W p0, \
                      [[maybe_unused]] W p1) {                                                                 \
      [[maybe_unused]] const auto C = [](double x) { return W(x); };                                           \
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

// One element of a row, in what its dtype is computed in.
template <class W>
using Element = W (*)(W a, W b, W c, W p0, W p1);
template <PointwiseOp op, class W>
W element(W a, W b, W c, W p0, W p1) {
  if constexpr (Row<op>::kSelection) {
    return Row<op>::apply(a != W(0), b, c, p0, p1);
  } else {
    return W(Row<op>::apply(a, b, c, p0, p1));
  }
}

template <class T, class W>
void each_element(const PointwiseArgs& args, int inputs, bool selects, bool gives_bool, Element<W> row) {
  W p[2];
  for (int i = 0; i < 2; ++i) p[i] = std::is_floating_point_v<W> ? W(args.p[i]) : W(args.n[i]);
  int64_t elements = 1;
  for (int d = 0; d < args.ndim; ++d) elements *= args.sizes[d];
  for (int64_t i = 0; i < elements; ++i) {
    int64_t rest = i, out = 0, in[kPointwiseInputs] = {};
    for (int d = args.ndim - 1; d >= 0; --d) {
      const int64_t index = rest % args.sizes[d];
      rest /= args.sizes[d];
      out += index * args.out_strides[d];
      for (int k = 0; k < inputs; ++k) in[k] += index * args.in_strides[k][d];
    }
    W x[kPointwiseInputs] = {};
    for (int k = 0; k < inputs; ++k)
      x[k] = selects && k == 0 ? W(static_cast<const bool*>(args.in[k])[in[k]])
                               : W(widen(static_cast<const T*>(args.in[k])[in[k]]));
    const W y = row(x[0], x[1], x[2], p[0], p[1]);
    if (gives_bool)
      static_cast<bool*>(args.out)[out] = y != W(0);
    else
      static_cast<T*>(args.out)[out] = narrow<T>(y);
  }
}

template <PointwiseOp op, class T>
void pointwise(const PointwiseArgs& args) {
  // The next number is one of T's own.
  using W = std::conditional_t<op == PointwiseOp::nextafter, T, decltype(widen(T{}))>;
  each_element<T, W>(args, Row<op>::kInputs, Row<op>::kSelection, Row<op>::kPredicate, element<op, W>);
}

template <PointwiseOp op, class T, DType dtype>
constexpr PointwiseKernel pointwise_or_null() {
  if constexpr ((Row<op>::kDTypes >> int(dtype) & 1) != 0) {
    return pointwise<op, T>;
  } else {
    return nullptr;
  }
}

template <class T, DType dtype>
const PointwiseTable table = {
#define EACH(name) pointwise_or_null<PointwiseOp::name, T, dtype>(),
#include "kernels/args/pointwise.def"
};

}  // namespace

extern const PointwiseTable* const pointwise_tables[kDTypeCount];
const PointwiseTable* const pointwise_tables[kDTypeCount] = {
    &table<bool, DType::bool_>,      &table<uint8_t, DType::u8>,  &table<int8_t, DType::i8>,
    &table<int32_t, DType::i32>,     &table<int64_t, DType::i64>, &table<half_t, DType::f16>,
    &table<bfloat16_t, DType::bf16>, &table<float, DType::f32>,   &table<double, DType::f64>,
};

}  // namespace hotloop::reference
