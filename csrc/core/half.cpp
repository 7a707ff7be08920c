#include "core/half.h"

#include <bit>

namespace hotloop {

namespace {

// The float nearest to x among those that keep enough low bits for a second rounding to be harmless:
// truncated, with the last bit set when anything was lost (rounding to odd).
float round_to_odd(double x) {
  const float nearest = float(x);
  if (double(nearest) == x || nearest != nearest) {
    return nearest;
  }
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (__builtin_fabs(double(nearest)) > __builtin_fabs(x)) {
    --bits;  // towards zero; from infinity to the largest finite float
  }
  return std::bit_cast<float>(bits | 1);
}

}  // namespace

float to_float(half_t x) {
  const uint32_t sign = uint32_t(x.bits & 0x8000u) << 16;
  const uint32_t exponent = (x.bits >> 10) & 0x1fu;
  const uint32_t fraction = x.bits & 0x3ffu;
  if (exponent == 0x1f) {  // infinity or NaN
    const uint32_t quiet = fraction ? 0x400000u : 0u;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | fraction << 13);
  }
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in f32
    const float magnitude = float(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

float to_float(bfloat16_t x) { return std::bit_cast<float>(uint32_t(x.bits) << 16); }

half_t to_half(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return {uint16_t(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu))};
  }
  if (magnitude >= 0x477ff000u) {  // from 65520 on nearest is infinity
    return {uint16_t(sign | 0x7c00u)};
  }
  if (magnitude < 0x38800000u) {  // below 2^-14: the sum's last fraction bit weighs 2^-24, a subnormal half's
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return {uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u))};
  }
  const uint32_t odd = magnitude >> 13 & 1u;
  return {uint16_t(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13))};
}

half_t to_half(double x) { return to_half(round_to_odd(x)); }

bfloat16_t to_bfloat16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return {uint16_t(bits >> 16 | 0x40u)};
  }
  return {uint16_t((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}

bfloat16_t to_bfloat16(double x) { return to_bfloat16(round_to_odd(x)); }

}  // namespace hotloop
