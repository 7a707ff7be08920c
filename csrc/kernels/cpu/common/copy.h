// Copies: conversions of dense runs, and the strided driver of pointwise ops around them. Equal dtypes are moved tile by
// tile straight into place, permuted ones through transposes in registers.
#pragma once

#include "kernels/args/copy.h"
#include "kernels/cpu/common/pointwise_drive.h"
#include "kernels/cpu/common/vec_convert.h"

namespace hotloop::HOTLOOP_ISA {

// What a vector of f32 is read from; ints are rounded to odd, for 16 bits to be rounded to.
template <class From>
struct Floats : FloatElements<From> {};
template <>
struct Floats<int32_t> {
  static f32v load(const int32_t* p) { return odd_floats(HOTLOOP_ISA::load(p)); }
  static f32v load_partial(const int32_t* p, int n) { return odd_floats(HOTLOOP_ISA::load_partial(p, n)); }
};

// By way of f32 in blocks that stay in L1.
constexpr int kConvertBlock = 512;

// Whole vectors are written.
template <class From>
[[gnu::noinline]] void odd_row(float* __restrict__ to, const From* __restrict__ from, int64_t n) {
  constexpr int lanes = kLanes<From>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto odd = odd_floats(load(from + i));
    __builtin_memcpy(to + i, &odd, sizeof odd);
  }
  if (i == n) return;
  const auto odd = odd_floats(load_partial(from + i, int(n - i)));
  __builtin_memcpy(to + i, &odd, sizeof odd);
}

template <class To, class From>
void convert_run(To* __restrict__ to, const From* __restrict__ from, int64_t n) {
  if constexpr (__is_same(To, From)) {
    __builtin_memcpy(to, from, size_t(n) * sizeof(To));
  } else if constexpr ((kSixteenBits<To> && (__is_same(From, float) || __is_same(From, int32_t))) ||
                       (kSixteenBits<From> && __is_same(To, float))) {
    constexpr int lanes = kLanes<float>;
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) FloatElements<To>::store(to + i, Floats<From>::load(from + i));
    if (i < n) {
      const int rest = int(n - i);
      FloatElements<To>::store_partial(to + i, Floats<From>::load_partial(from + i, rest), rest);
    }
  } else if constexpr (kSixteenBits<To> && sizeof(From) == 8) {
    alignas(64) float block[kConvertBlock];
    for (int64_t i = 0; i < n; i += kConvertBlock) {
      const int64_t count = n - i < kConvertBlock ? n - i : kConvertBlock;
      odd_row(block, from + i, count);
      convert_run(to + i, block, count);
    }
  } else if constexpr (kSixteenBits<To> || kSixteenBits<From>) {
    float block[kConvertBlock];
    for (int64_t i = 0; i < n; i += kConvertBlock) {
      const int64_t count = n - i < kConvertBlock ? n - i : kConvertBlock;
      convert_run(block, from + i, count);
      convert_run(to + i, block, count);
    }
  } else if constexpr (__is_same(To, bool)) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i] != From(0);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = To(from[i]);
  }
}

template <class To, class From>
void convert_loop(void* out, const void* const* in, const int64_t*, int64_t n, const PointwiseArgs&) {
  convert_run((To*)out, (const From*)in[0], n);
}

// By the dtype converted from; bool is a byte, 0 or 1.
template <class To>
constexpr PointwiseLoop kConvertTo[kDTypeCount] = {
    convert_loop<To, uint8_t>,    convert_loop<To, uint8_t>, convert_loop<To, int8_t>,
    convert_loop<To, int32_t>,    convert_loop<To, int64_t>, convert_loop<To, half_t>,
    convert_loop<To, bfloat16_t>, convert_loop<To, float>,   convert_loop<To, double>,
};

constexpr const PointwiseLoop* kConvert[kDTypeCount] = {
    kConvertTo<bool>,   kConvertTo<uint8_t>,    kConvertTo<int8_t>, kConvertTo<int32_t>, kConvertTo<int64_t>,
    kConvertTo<half_t>, kConvertTo<bfloat16_t>, kConvertTo<float>,  kConvertTo<double>,
};

constexpr int kItemSizes[kDTypeCount] = {1, 1, 1, 4, 8, 2, 2, 4, 8};

void copy(const CopyArgs& args) {
  const PointwiseArgs& operands = args.operands;
  const int to_size = kItemSizes[int(args.to)], from_size = kItemSizes[int(args.from)];
  const PointwiseLoop loop = kConvert[int(args.to)][int(args.from)];
  if (operands.dense && operands.sizes[0] <= kSerialElements) {
    loop(operands.out, operands.in, kAllDense, operands.sizes[0], operands);
  } else {
    drive(operands, {args.to == args.from ? nullptr : loop, nullptr, false, 1, to_size, {from_size}});
  }
}

}  // namespace hotloop::HOTLOOP_ISA
