// The loops of pointwise kernels over dense memory, and the kernels: one of each for a row and a dtype. All that
// strides need is in pointwise_drive.h, compiled once.
#pragma once

#include "kernels/cpu/common/pointwise_drive.h"
#include "kernels/cpu/common/pointwise_ops.h"
#include "kernels/cpu/common/stream.h"
#include "kernels/cpu/common/vec_convert.h"

namespace hotloop::HOTLOOP_ISA {

template <class T>
constexpr bool kIsFloat =
    __is_same(T, float) || __is_same(T, double) || __is_same(T, half_t) || __is_same(T, bfloat16_t);

// A mask as bytes of 0 and 1.
template <class M>
inline void store_mask(bool* p, M mask, int n) {
  constexpr int lanes = int(sizeof(M) / sizeof(mask[0]));
#if defined(__AVX512F__)
  if constexpr (lanes == 16) {
    const __m128i bytes = _mm_maskz_set1_epi8(_mm512_movepi32_mask((__m512i)mask), 1);
    if (n == lanes) return (void)__builtin_memcpy(p, &bytes, 16);
    return _mm_mask_storeu_epi8(p, __mmask16((1u << n) - 1), bytes);
  } else {
    const __m128i bytes = _mm_maskz_set1_epi8(_mm512_movepi64_mask((__m512i)mask), 1);
    if (n == lanes) return (void)__builtin_memcpy(p, &bytes, 8);
    return _mm_mask_storeu_epi8(p, __mmask16((1u << n) - 1), bytes);
  }
#else
  typedef int8_t Bytes __attribute__((vector_size(lanes)));
  const Bytes bytes = -__builtin_convertvector(mask, Bytes);
  if (n == lanes) return (void)__builtin_memcpy(p, &bytes, lanes);
  copy_bytes<lanes>((char*)p, (const char*)&bytes, n);
#endif
}

// Vectors of each operand that are read before any result is written. Where a row is an instruction or two, memory is
// its time, and it gives lines next to each other faster than lines of each operand in turn: 10 to 30 % at 7 MB, and 5
// to 8 % of the commonest functions. Such rows also have a loop that stores around the caches.
template <class T>
constexpr int kVectorsTogether(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::neg:
    case PointwiseOp::abs:
    case PointwiseOp::square:
    case PointwiseOp::clamp_scalar:
    case PointwiseOp::add:
    case PointwiseOp::add_scaled:
    case PointwiseOp::sub:
    case PointwiseOp::mul:
    case PointwiseOp::div:
    case PointwiseOp::mul_number:
    case PointwiseOp::div_number:
    case PointwiseOp::maximum:
    case PointwiseOp::minimum:
    case PointwiseOp::sign:
    case PointwiseOp::threshold:
    case PointwiseOp::hardtanh:
    case PointwiseOp::hardshrink:
    case PointwiseOp::softshrink:
    case PointwiseOp::leaky_relu:
    case PointwiseOp::leaky_relu_backward:
    case PointwiseOp::relu_backward:
    case PointwiseOp::relu: return 4;
    case PointwiseOp::sqrt:
    case PointwiseOp::exp:
    case PointwiseOp::tanh:
    case PointwiseOp::sigmoid:
    case PointwiseOp::silu:
    case PointwiseOp::gelu: return kStoresAround && __is_same(T, float) ? 2 : 1;  // others compute for longer
    default: return 1;
  }
}

// From so many elements on, a first partial vector pays for aligned ones.
constexpr int64_t kAlignedElements = 256;

template <class Row, class T, int kTogether, bool kStreamed = false>
void float_loop(void* out_, const void* const* in, const int64_t* masks, int64_t n, const PointwiseArgs& args) {
  using Elements = FloatElements<T>;
  using V = typename Elements::V;
  constexpr int lanes = int(sizeof(V) / sizeof(V{}[0]));
  const V p0 = constant<V>(args.p[0]), p1 = constant<V>(args.p[1]);
  auto* a = (const T*)in[0];
  auto* b = (const T*)in[1];
  auto* c = (const T*)in[2];
  const int64_t ma = masks[0], mb = masks[1], mc = masks[2];
  const auto store_result = [&](int64_t at, auto result, int count) {
    if constexpr (Row::kPredicate) {
      store_mask((bool*)out_ + at, result, count);
    } else if (count == lanes) {
      Elements::store((T*)out_ + at, result);
    } else {
      Elements::store_partial((T*)out_ + at, result, count);
    }
  };
  const auto partial = [&](int64_t at, int count) {
    const V x = Elements::load_partial(a + (at & ma), count);
    const V y = Row::kInputs > 1 ? Elements::load_partial(b + (at & mb), count) : V{};
    const V z = Row::kInputs > 2 ? Elements::load_partial(c + (at & mc), count) : V{};
    store_result(at, Row::apply(x, y, z, p0, p1), count);
  };
  int64_t i = 0;
  if constexpr (kTogether > 1) {
    // Rows that begin inside a line would cut every vector in two.
    const int inside = int(uintptr_t(out_) / sizeof(T)) & (lanes - 1);
    if (inside != 0 && (kStreamed || n >= kAlignedElements)) {
      i = smaller<int64_t>(lanes - inside, n);
      partial(0, int(i));
    }
    for (; i + kTogether * lanes <= n; i += kTogether * lanes) {
      V x[kTogether], y[kTogether] = {};
#pragma GCC unroll 4
      for (int j = 0; j < kTogether; ++j) {
        x[j] = Elements::load(a + ((i + j * lanes) & ma));
        if constexpr (kStreamed && kTogether == 2) fetch_page_ahead(a + i + j * lanes);
        if constexpr (Row::kInputs > 1) y[j] = Elements::load(b + ((i + j * lanes) & mb));
      }
#pragma GCC unroll 4
      for (int j = 0; j < kTogether; ++j) {
        const auto result = Row::apply(x[j], y[j], V{}, p0, p1);
        if constexpr (kStreamed)
          store_around_caches((T*)out_ + i + j * lanes, result);
        else
          store_result(i + j * lanes, result, lanes);
      }
    }
  }
  for (; i + lanes <= n; i += lanes) {
    const V x = Elements::load(a + (i & ma));
    const V y = Row::kInputs > 1 ? Elements::load(b + (i & mb)) : V{};
    const V z = Row::kInputs > 2 ? Elements::load(c + (i & mc)) : V{};
    store_result(i, Row::apply(x, y, z, p0, p1), lanes);
  }
  if (i < n) partial(i, int(n - i));
}

// Rows that change no bit but the sign's, of elements as whole numbers: 16-bit floats need no conversion.
constexpr bool kSignAlone(PointwiseOp op) {
  return op == PointwiseOp::neg || op == PointwiseOp::abs || op == PointwiseOp::copysign;
}
template <PointwiseOp op>
void sign_loop(void* out_, const void* const* in, const int64_t* masks, int64_t n, const PointwiseArgs&) {
  constexpr uint16_t kSign = 0x8000;
  auto* a = (const uint16_t*)in[0];
  auto* b = (const uint16_t*)in[1];
  auto* out = (uint16_t*)out_;
  const int64_t ma = masks[0], mb = masks[1];
  const auto apply = [=](int64_t i, bool dense) __attribute__((always_inline)) {
    const uint16_t x = a[dense ? i : i & ma];
    if constexpr (op == PointwiseOp::neg) return uint16_t(x ^ kSign);
    if constexpr (op == PointwiseOp::abs) return uint16_t(x & ~kSign);
    return uint16_t((x & ~kSign) | (b[dense ? i : i & mb] & kSign));
  };
  if (ma == -1 && (op != PointwiseOp::copysign || mb == -1)) {
#pragma GCC ivdep  // an input is out itself or does not touch it
    for (int64_t i = 0; i < n; ++i) out[i] = apply(i, true);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = apply(i, false);
  }
}

// Left to the compiler's own vectorisation.
template <class Row, class T>
void scalar_loop(void* out_, const void* const* in, const int64_t*, int64_t n, const PointwiseArgs& args) {
  using R = typename Choose<Row::kPredicate, bool, T>::type;
  const T p0 = T(args.n[0]), p1 = T(args.n[1]);
  auto* a = (const T*)in[0];
  auto* b = (const T*)in[1];
  auto* c = (const T*)in[2];
  auto* out = (R*)out_;
#pragma GCC ivdep  // an input is out itself or does not touch it
  for (int64_t i = 0; i < n; ++i) {
    out[i] = R(Row::apply(a[i], Row::kInputs > 1 ? b[i] : T(0), Row::kInputs > 2 ? c[i] : T(0), p0, p1));
  }
}

// `where` moves elements whole, whatever they mean.
template <int kBytes>
struct Unit;
template <>
struct Unit<1> {
  using type = uint8_t;
};
template <>
struct Unit<2> {
  using type = int16_t;
};
template <>
struct Unit<4> {
  using type = int32_t;
};
template <>
struct Unit<8> {
  using type = int64_t;
};

template <class T>
void select_loop(void* out_, const void* const* in, const int64_t* masks, int64_t n, const PointwiseArgs&) {
  constexpr int lanes = kVectorBytes / int(sizeof(T));
  typedef T V __attribute__((vector_size(kVectorBytes)));
  typedef int8_t Bytes __attribute__((vector_size(lanes)));
  auto* condition = (const int8_t*)in[0];
  auto* yes = (const T*)in[1];
  auto* no = (const T*)in[2];
  auto* out = (T*)out_;
  const int64_t ma = masks[0], mb = masks[1], mc = masks[2];
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    Bytes chosen;
    V x, y;
    __builtin_memcpy(&chosen, condition + (i & ma), sizeof chosen);
    __builtin_memcpy(&x, yes + (i & mb), sizeof x);
    __builtin_memcpy(&y, no + (i & mc), sizeof y);
    const V result = __builtin_convertvector(chosen, V) != 0 ? x : y;
    __builtin_memcpy(out + i, &result, sizeof result);
  }
  for (; i < n; ++i) out[i] = condition[i & ma] ? yes[i & mb] : no[i & mc];
}

template <PointwiseOp op, class T>
void pointwise(const PointwiseArgs& args) {
  using Row = PointwiseRow<op>;
  static constexpr PointwiseLoop loop = [] {
    if constexpr (Row::kSelection) {
      return select_loop<typename Unit<int(sizeof(T))>::type>;
    } else if constexpr (kSixteenBits<T> && kSignAlone(op)) {
      return sign_loop<op>;
    } else if constexpr (kIsFloat<T>) {
      return float_loop<Row, T, kVectorsTogether<T>(op)>;
    } else {
      return scalar_loop<Row, T>;
    }
  }();
  static constexpr PointwiseLoop streamed_loop = [] {
    if constexpr (kStoresAround && kIsFloat<T> && sizeof(T) >= 4 && kVectorsTogether<T>(op) > 1) {
      return float_loop<Row, T, kVectorsTogether<T>(op), true>;
    } else {
      return nullptr;
    }
  }();
  if (args.dense && args.sizes[0] <= kSerialElements) [[likely]] {
    loop(args.out, args.in, kAllDense, args.sizes[0], args);
  } else {
    drive(args, {loop,
                 streamed_loop,
                 Row::kSelection || kIsFloat<T>,
                 Row::kInputs,
                 Row::kPredicate ? 1 : int(sizeof(T)),
                 {Row::kSelection ? 1 : int(sizeof(T)), int(sizeof(T)), int(sizeof(T))}});
  }
}

template <PointwiseOp op, class T>
constexpr PointwiseKernel pointwise_or_null() {
  if constexpr ((PointwiseRow<op>::kDTypes & kDTypesOf<T>) != 0) {
    return pointwise<op, T>;
  } else {
    return nullptr;
  }
}

}  // namespace hotloop::HOTLOOP_ISA
