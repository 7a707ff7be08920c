// The rows of pointwise.def, one element after another: floats in double with the C++ library's functions, integers in
// their own type.
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/half.h"
#include "kernels/args/pointwise.h"

namespace hotloop::reference {

namespace {

using std::abs, std::atan2, std::ceil, std::cos, std::erf, std::exp, std::exp2, std::expm1, std::floor, std::fmod;
using std::log, std::log1p, std::log2, std::pow, std::sin, std::sqrt, std::tan, std::tanh, std::trunc;

template <class T>
concept Integer = std::is_integral_v<T>;

template <class T>
T select(bool condition, T yes, T no) {
  return condition ? yes : no;
}
template <class T>
T maximum(T a, T b) {
  return a != a ? a : b != b ? b : a > b ? a : b;
}
template <class T>
T minimum(T a, T b) {
  return a != a ? a : b != b ? b : a < b ? a : b;
}
template <class T>
T relu(T a) {
  return a < T(0) ? T(0) : a;
}
template <class T>
bool is_inf(T a) {
  return a == std::numeric_limits<T>::infinity() || a == T(-std::numeric_limits<T>::infinity());
}
template <Integer T>
bool is_inf(T) {
  return false;
}
template <class T>
bool is_finite(T a) {
  return a == a && !is_inf(a);
}

double rsqrt(double a) { return 1 / std::sqrt(a); }
double sigmoid(double a) { return a < 0 ? std::exp(a) / (1 + std::exp(a)) : 1 / (1 + std::exp(-a)); }
double round_even(double a) { return std::nearbyint(a); }
// Far left a double's rounding of the argument would show in the result.
double normal_cdf(double a) { return double(std::erfc(-a / std::sqrt(2.0L)) / 2); }
double normal_density(double a) { return double(std::exp(-0.5L * a * a) * 0.398942280401432677939946L); }
double gelu_backward(double grad, double a) {
  return grad * (normal_cdf(a) + (std::isinf(a) ? 0 : a * normal_density(a)));
}
double silu_backward(double grad, double a) {
  a = a > 800 ? 800 : a < -800 ? -800 : a;  // infinity times 0
  return grad * sigmoid(a) * (1 + a * sigmoid(-a));
}
// sigmoid(v), v = a (k1 + k3 a^2); held where |a| is past 22, e^(-v) being 0 there.
double gelu_tanh_backward(double grad, double a) {
  a = a > 22 ? 22 : a < -22 ? -22 : a;
  const double k1 = 1.5957691216057308, k3 = 0.07135481627260025, v = a * (k1 + k3 * a * a);
  return grad * (sigmoid(v) + a * sigmoid(v) * sigmoid(-v) * (k1 + 3 * k3 * a * a));
}
double gelu_tanh_curvature(double a) {
  a = a > 22 ? 22 : a < -22 ? -22 : a;
  const double k1 = 1.5957691216057308, k3 = 0.07135481627260025, v = a * (k1 + k3 * a * a);
  const double s = sigmoid(v), t = sigmoid(-v), v1 = k1 + 3 * k3 * a * a, v2 = 6 * k3 * a;
  return s * t * (2 * v1 + a * ((t - s) * v1 * v1 + v2));
}
double remainder(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
double floor_divide(double a, double b) {
  if (b == 0) return a / b;
  const double r = std::fmod(a, b), q = (a - r) / b;
  const double whole = std::nearbyint(r != 0 && (r < 0) != (b < 0) ? q - 1 : q);
  return whole == 0 ? std::copysign(0.0, a / b) : whole;
}

template <Integer T>
T abs(T a) {
  return a < T(0) ? T(-a) : a;
}
template <Integer T>
T floor(T a) {
  return a;
}
template <Integer T>
T ceil(T a) {
  return a;
}
template <Integer T>
T trunc(T a) {
  return a;
}
template <Integer T>
T round_even(T a) {
  return a;
}
template <Integer T>
T invert(T a) {
  return T(~a);
}
bool invert(bool a) { return !a; }
// By zero: 0. The lowest number by -1 would trap.
template <Integer T>
T fmod(T a, T b) {
  if (b == T(0) || (std::is_signed_v<T> && b == T(-1))) return T(0);
  return T(a % b);
}
template <Integer T>
T remainder(T a, T b) {
  const T r = fmod(a, b);
  return r != T(0) && (r < T(0)) != (b < T(0)) ? T(r + b) : r;
}
template <Integer T>
T floor_divide(T a, T b) {
  if (b == T(0)) return T(0);
  if (std::is_signed_v<T> && b == T(-1)) return T(-a);
  const T q = T(a / b);
  return T(q * b) != a && (a < T(0)) != (b < T(0)) ? T(q - 1) : q;
}
template <Integer T>
T pow(T base, T exponent) {
  if (exponent < T(0)) return base == T(1) ? T(1) : base == T(-1) ? T(exponent % 2 == 0 ? 1 : -1) : T(0);
  T result = 1;
  for (; exponent > T(0); exponent = T(exponent / 2)) {
    if (exponent % 2 != 0) result = T(result * base);
    base = T(base * base);
  }
  return result;
}

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

template <PointwiseOp op, class T>
void pointwise(const PointwiseArgs& args) {
  using W = decltype(widen(T{}));
  using A = std::conditional_t<Row<op>::kSelection, bool, T>;
  using R = std::conditional_t<Row<op>::kPredicate, bool, T>;
  W p0, p1;
  if constexpr (std::is_floating_point_v<W>) {
    p0 = args.p[0], p1 = args.p[1];
  } else {
    p0 = W(args.n[0]), p1 = W(args.n[1]);
  }
  int64_t elements = 1;
  for (int d = 0; d < args.ndim; ++d) elements *= args.sizes[d];
  for (int64_t i = 0; i < elements; ++i) {
    int64_t rest = i, out = 0, in[kPointwiseInputs] = {};
    for (int d = args.ndim - 1; d >= 0; --d) {
      const int64_t index = rest % args.sizes[d];
      rest /= args.sizes[d];
      out += index * args.out_strides[d];
      for (int k = 0; k < Row<op>::kInputs; ++k) in[k] += index * args.in_strides[k][d];
    }
    const A a = static_cast<const A*>(args.in[0])[in[0]];
    const T b = Row<op>::kInputs > 1 ? static_cast<const T*>(args.in[1])[in[1]] : T{};
    const T c = Row<op>::kInputs > 2 ? static_cast<const T*>(args.in[2])[in[2]] : T{};
    static_cast<R*>(args.out)[out] = narrow<R>(Row<op>::apply(widen(a), widen(b), widen(c), p0, p1));
  }
}

template <PointwiseOp op, class T>
constexpr PointwiseKernel pointwise_or_null() {
  if constexpr ((Row<op>::kDTypes & (std::is_integral_v<T> ? std::is_same_v<T, bool> ? kBool : kIntegers : kFloats)) !=
                0) {
    return pointwise<op, T>;
  } else {
    return nullptr;
  }
}

template <class T>
const PointwiseTable table = {
#define EACH(name) pointwise_or_null<PointwiseOp::name, T>(),
#include "kernels/args/pointwise.def"
};

}  // namespace

extern const PointwiseTable* const pointwise_tables[kDTypeCount];
const PointwiseTable* const pointwise_tables[kDTypeCount] = {
    &table<bool>,   &table<uint8_t>,    &table<int8_t>, &table<int32_t>, &table<int64_t>,
    &table<half_t>, &table<bfloat16_t>, &table<float>,  &table<double>,
};

}  // namespace hotloop::reference
