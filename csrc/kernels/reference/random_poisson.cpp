// Poisson numbers (kernels/args/random.h): by a product of uniform numbers where the mean is small, else by rejection
// from a transformed uniform one (PTRS: Hoermann, "The transformed rejection method for generating Poisson random
// variables", 1993).
#include <cmath>

#include "core/random.h"
#include "kernels/args/random.h"
#include "kernels/reference/scalar.h"

namespace hotloop::reference {

namespace {

// Uniform numbers of (0, 1) for one element.
class Uniforms {
 public:
  Uniforms(uint64_t seed, uint64_t block)
      : key_{uint32_t(seed), uint32_t(seed >> 32)}, counter_{uint32_t(block), uint32_t(block >> 32), 0, 1} {}

  double next() {
    if (at_ == 4) {
      philox4x32(key_, counter_, words_);
      ++counter_[2];
      at_ = 0;
    }
    const uint64_t bits = uint64_t(words_[at_]) << 32 | words_[at_ + 1];
    at_ += 2;
    return (double(bits >> 12) + 0.5) * 0x1p-52;
  }

 private:
  uint32_t key_[2], counter_[4], words_[4];
  int at_ = 4;
};

double poisson_of_small(double rate, Uniforms& uniform) {
  const double limit = std::exp(-rate);
  double count = -1, product = 1;
  do {
    product *= uniform.next();
    ++count;
  } while (product > limit);
  return count;
}

double poisson_of_large(double rate, Uniforms& uniform) {
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = uniform.next() - 0.5, v = uniform.next(), us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    int sign;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * std::log(rate) - rate - ::lgamma_r(k + 1, &sign))
      return k;
  }
}

}  // namespace

void random_poisson(const PoissonArgs& args) {
  for (int64_t i = 0; i < args.n; ++i) {
    const double rate = get(args.rate, args.dtype, i);
    Uniforms uniform(args.seed, args.offset + uint64_t(i));
    const double drawn = rate <= 0              ? 0
                         : !std::isfinite(rate) ? rate
                         : rate < 10            ? poisson_of_small(rate, uniform)
                                                : poisson_of_large(rate, uniform);
    put(args.out, args.dtype, i, drawn);
  }
}

}  // namespace hotloop::reference
