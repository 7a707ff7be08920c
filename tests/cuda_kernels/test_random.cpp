// Random fills: the bits of the CPU's kernels, and of the reference where it promises them.
#include "kernels.h"
#include "kernels/args/random.h"

HOTLOOP_TESTED_KERNEL(random_uniform, RandomArgs)
HOTLOOP_TESTED_KERNEL(random_normal, RandomArgs)
HOTLOOP_TESTED_KERNEL(random_bernoulli, RandomArgs)
HOTLOOP_TESTED_KERNEL(random_integers, RandomArgs)
HOTLOOP_TESTED_KERNEL(dropout, DropoutArgs)
HOTLOOP_TESTED_KERNEL(dropout_backward, DropoutBackwardArgs)

using namespace hotloop;
using namespace kernels;

namespace {

constexpr int64_t kSizes[] = {0, 1, 2, 3, 5, 16, 31, 130, 1001, 5000, 40003};

void check_fill(const char* what, void (*fill)(const RandomArgs&, void*), void (*expected)(const RandomArgs&),
                RandomArgs args, const std::vector<DType>& dtypes) {
  for (DType dtype : dtypes) {
    for (int64_t n : kSizes) {
      for (int64_t skew : {0, 1}) {
        const Elements out(dtype, n, skew), wanted(dtype, n, skew);
        args.dtype = dtype;
        args.n = n;
        args.out = wanted.data();
        expected(args);
        args.out = out.data();
        fill(args, nullptr);
        if (!out.same_bits(wanted))
          check::report(__FILE__, __LINE__, std::string(what) + " of " + std::to_string(n) + " " + name(dtype));
      }
    }
  }
}

const RandomArgs kArgs{nullptr, DType::f32, 0, 0x123456789abcdef1, 0x1fffffffe, 3.5, -1.25, -1000, 70};

}  // namespace

TEST(random, uniform) {
  emulated::under_each_schedule([] {
    check_fill("uniform", sm80::random_uniform, baseline::random_uniform, kArgs, kFloatDTypes);
    check_fill("uniform", sm80::random_uniform, reference::random_uniform, kArgs, kFloatDTypes);
  });
}

TEST(random, normal) {
  emulated::under_each_schedule(
      [] { check_fill("normal", sm80::random_normal, baseline::random_normal, kArgs, kFloatDTypes); });
}

TEST(random, bernoulli) {
  emulated::under_each_schedule([] {
    RandomArgs args = kArgs;
    for (double p : {0.0, 0.3, 1.0}) {
      args.scale = p;
      check_fill("bernoulli", sm80::random_bernoulli, baseline::random_bernoulli, args, kEveryDType);
    }
  });
}

TEST(random, integers) {
  RandomArgs args = kArgs;
  const std::vector<DType> dtypes(kEveryDType.begin() + 1, kEveryDType.end());
  check_fill("integers", sm80::random_integers, baseline::random_integers, args, dtypes);
  args.low = 0;
  args.high = 100;
  check_fill("integers", sm80::random_integers, baseline::random_integers, args, dtypes);
  args.low = INT64_MIN;
  args.high = INT64_MAX;
  check_fill("integers", sm80::random_integers, baseline::random_integers, args, {DType::i64});
}

TEST(random, dropout) {
  emulated::under_each_schedule([] {
    for (DType dtype : kFloatDTypes) {
      for (int64_t n : kSizes) {
        for (double p : {0.0, 0.25, 1.0}) {
          const int64_t skew = n % 2;
          Elements in(dtype, n, skew);
          Numbers numbers(uint64_t(n) + 1);
          for (int64_t i = 0; i < n; ++i) in.set(i, i % 97 == 5 ? INFINITY : numbers.uniform(-2, 2));
          const Elements out(dtype, n, skew), wanted(dtype, n, skew), in_place(in);
          const Elements mask(DType::bool_, n, skew), wanted_mask(DType::bool_, n, skew);
          DropoutArgs args{wanted.data(), wanted_mask.data<bool>(), in.data(), dtype, n, 77, 12345, p};
          baseline::dropout(args);
          args.out = out.data();
          args.mask = mask.data<bool>();
          sm80::dropout(args, nullptr);
          CHECK_EQUAL(out.differences(wanted), 0);
          CHECK(mask.same_bits(wanted_mask));
          args.in = args.out = in_place.data();
          sm80::dropout(args, nullptr);
          CHECK_EQUAL(in_place.differences(wanted), 0);

          DropoutBackwardArgs backward{wanted.data(), in.data(), mask.data<bool>(), dtype, n, p};
          baseline::dropout_backward(backward);
          backward.grad_in = out.data();
          sm80::dropout_backward(backward, nullptr);
          CHECK_EQUAL(out.differences(wanted), 0);
        }
      }
    }
  });
}
