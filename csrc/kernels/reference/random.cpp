// Random fills, one element after another, each from its own Philox block.
#include <cmath>
#include <cstring>
#include <utility>

#include "core/half.h"
#include "core/random.h"
#include "kernels/args/random.h"

namespace hotloop::reference {

namespace {

uint32_t word(uint64_t seed, uint64_t offset, int64_t i) {
  uint32_t words[4];
  philox_block(seed, offset + uint64_t(i) / 4, words);
  return words[i % 4];
}
uint64_t word_pair(const RandomArgs& args, int64_t i) {
  return word(args.seed, args.offset, 2 * i) | uint64_t(word(args.seed, args.offset, 2 * i + 1)) << 32;
}

double load(const void* p, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::f16: return to_float(static_cast<const half_t*>(p)[i]);
    case DType::bf16: return to_float(static_cast<const bfloat16_t*>(p)[i]);
    case DType::f32: return static_cast<const float*>(p)[i];
    default: return static_cast<const double*>(p)[i];
  }
}
void store(void* p, DType dtype, int64_t i, double x) {
  switch (dtype) {
    case DType::bool_: static_cast<bool*>(p)[i] = x != 0; break;
    case DType::u8: static_cast<uint8_t*>(p)[i] = uint8_t(x); break;
    case DType::i8: static_cast<int8_t*>(p)[i] = int8_t(x); break;
    case DType::i32: static_cast<int32_t*>(p)[i] = int32_t(x); break;
    case DType::i64: static_cast<int64_t*>(p)[i] = int64_t(x); break;
    case DType::f16: static_cast<half_t*>(p)[i] = to_half(x); break;
    case DType::bf16: static_cast<bfloat16_t*>(p)[i] = to_bfloat16(x); break;
    case DType::f32: static_cast<float*>(p)[i] = float(x); break;
    case DType::f64: static_cast<double*>(p)[i] = x; break;
  }
}

uint64_t threshold(double p) { return uint64_t(p * 0x1p32 + 0.5); }

double product(DType dtype, double x, double scale) {
  return dtype == DType::f64 ? x * scale : float(x) * float(scale);
}
double scaled(DType dtype, double x, double scale, double shift) {
  x = product(dtype, x, scale);
  return dtype == DType::f64 ? x + shift : float(x) + float(shift);
}

}  // namespace

void random_uniform(const RandomArgs& args) {
  const int bits = args.dtype == DType::f16 ? 11 : args.dtype == DType::bf16 ? 8 : 24;
  for (int64_t i = 0; i < args.n; ++i) {
    const double u = args.dtype == DType::f64 ? double(word_pair(args, i) >> 11) * 0x1p-53
                                              : std::ldexp(word(args.seed, args.offset, i) >> (32 - bits), -bits);
    store(args.out, args.dtype, i, scaled(args.dtype, u, args.scale, args.shift));
  }
}

// Within a few units in the last place of the other kernels' f32 and f64 arithmetic, not their bits.
void random_normal(const RandomArgs& args) {
  for (int64_t i = 0; i < args.n; ++i) {
    const int64_t first = i - i % 2;
    double u, v;
    if (args.dtype == DType::f64) {
      u = double((word_pair(args, first) >> 11) + 1) * 0x1p-53;
      v = double(word_pair(args, first + 1) >> 11) * 0x1p-53;
    } else {
      u = ((word(args.seed, args.offset, first) >> 8) + 1) * 0x1p-24;
      v = (word(args.seed, args.offset, first + 1) >> 8) * 0x1p-24;
    }
    const double radius = std::sqrt(-2 * std::log(u)), angle = 2 * 3.141592653589793 * v;
    const double z = radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
    store(args.out, args.dtype, i, scaled(args.dtype, z, args.scale, args.shift));
  }
}

void random_bernoulli(const RandomArgs& args) {
  for (int64_t i = 0; i < args.n; ++i)
    store(args.out, args.dtype, i, word(args.seed, args.offset, i) < threshold(args.scale));
}

void random_integers(const RandomArgs& args) {
  const uint64_t range = uint64_t(args.high) - uint64_t(args.low);
  for (int64_t i = 0; i < args.n; ++i) {
    const uint64_t drawn = uint64_t(args.low) + uint64_t((unsigned __int128)word_pair(args, i) * range >> 64);
    if (args.dtype == DType::i64)
      static_cast<int64_t*>(args.out)[i] = int64_t(drawn);
    else
      store(args.out, args.dtype, i, double(int64_t(drawn)));
  }
}

void random_permutation(const RandomArgs& args) {
  auto* out = static_cast<int64_t*>(args.out);
  for (int64_t i = 0; i < args.n; ++i) out[i] = i;
  for (int64_t i = args.n - 1; i > 0; --i) {
    const int64_t d = args.n - 1 - i;
    const uint64_t draw = uint64_t(word(args.seed, args.offset, 2 * d)) << 32 | word(args.seed, args.offset, 2 * d + 1);
    std::swap(out[i], out[int64_t((unsigned __int128)draw * uint64_t(i + 1) >> 64)]);
  }
}

void dropout(const DropoutArgs& args) {
  for (int64_t i = 0; i < args.n; ++i) {
    args.mask[i] = word(args.seed, args.offset, i) >= threshold(args.p);
    const double scale = args.mask[i] ? 1 / (1 - args.p) : 0;
    store(args.out, args.dtype, i, product(args.dtype, load(args.in, args.dtype, i), scale));
  }
}

void dropout_backward(const DropoutBackwardArgs& args) {
  for (int64_t i = 0; i < args.n; ++i) {
    const double scale = args.mask[i] ? 1 / (1 - args.p) : 0;
    store(args.grad_in, args.dtype, i, product(args.dtype, load(args.grad_out, args.dtype, i), scale));
  }
}

}  // namespace hotloop::reference
