// Bags of embeddings and their gradients against the reference: ragged and even bags, padding, faults.
#include "kernels.h"
#include "kernels/args/embedding_bag.h"

HOTLOOP_TESTED_KERNEL(embedding_bag, EmbeddingBagArgs)
HOTLOOP_TESTED_KERNEL(embedding_bag_backward, EmbeddingBagArgs)
HOTLOOP_TESTED_KERNEL(embedding_bag_factors_backward, EmbeddingBagArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Bags {
  DType dtype;
  BagMode mode;
  int64_t width;
  bool ragged, padded, by_frequency;
};

constexpr int64_t kRows = 9, kCount = 30, kBags = 6;

// Up to 1, in quarters: sums are exact in any order.
Elements values(DType dtype, int64_t n, uint64_t seed) {
  const Elements x(dtype, n);
  Numbers numbers(seed);
  for (int64_t i = 0; i < n; ++i) x.set(i, double(numbers.below(9) - 4) / 4);
  return x;
}

void check_bags(const Bags& b) {
  Numbers numbers(5);
  const Array<int64_t> index(size_t(kCount), [&](size_t) { return numbers.below(kRows); });
  const int64_t starts[kBags] = {0, 4, 4, 11, 12, 30};
  const Array<int64_t> offsets(size_t(kBags), [&](size_t i) { return starts[i]; });
  const Elements weight = values(b.dtype, kRows * b.width, 1), factors = values(b.dtype, kCount, 2);
  const Elements grad = values(b.dtype, kBags * b.width, 3);
  const int64_t elements = kBags * b.width;
  const Elements out(b.dtype, elements), want(b.dtype, elements);
  const Elements largest(DType::i64, elements), want_largest(DType::i64, elements);
  const Elements slope(b.dtype, weight.size()), want_slope(b.dtype, weight.size());
  const Elements factor_slope(b.dtype, kCount), want_factor_slope(b.dtype, kCount);
  int64_t bad = 0;

  EmbeddingBagArgs args{};
  args.dtype = b.dtype;
  args.mode = b.mode;
  args.rows = kRows;
  args.width = b.width;
  args.n = kCount;
  args.bags = kBags;
  args.index = index.data();
  args.offsets = b.ragged ? offsets.data() : nullptr;
  args.padding = b.padded ? 2 : -1;
  args.weight = weight.data();
  args.factors = b.mode == BagMode::sum ? factors.data() : nullptr;
  args.bad_position = &bad;
  args.gpu_fault = gpu::fault_slot(0);
  args.by_frequency = b.by_frequency;
  args.grad_out = grad.data();
  const auto run = [&](auto forward, auto backward, auto of_factors, const Elements& result, const Elements& of,
                       const Elements& grad_weight, const Elements& grad_factors) {
    args.out = result.data();
    args.largest = of.data<int64_t>();
    args.grad_weight = grad_weight.data();
    args.grad_factors = grad_factors.data();
    forward(args);
    CHECK_EQUAL(bad, -1);
    backward(args);
    if (b.mode == BagMode::sum) of_factors(args);
  };
  run([](auto& a) { sm80::embedding_bag(a, nullptr); }, [](auto& a) { sm80::embedding_bag_backward(a, nullptr); },
      [](auto& a) { sm80::embedding_bag_factors_backward(a, nullptr); }, out, largest, slope, factor_slope);
  run(reference::embedding_bag, reference::embedding_bag_backward, reference::embedding_bag_factors_backward, want,
      want_largest, want_slope, want_factor_slope);

  const double lost = double(kCount) * arithmetic(b.dtype);  // of terms up to 1
  check_near("out", out, want, lost);
  check_near("slope", slope, want_slope, lost);
  if (b.mode == BagMode::max) CHECK_EQUAL(largest.differences(want_largest), 0);
  if (b.mode == BagMode::sum) check_near("factor_slope", factor_slope, want_factor_slope, lost);
}

}  // namespace

TEST(embedding_bag, all_modes) {
  for (DType dtype : kFloatDTypes)
    for (BagMode mode : {BagMode::sum, BagMode::mean, BagMode::max})
      for (int64_t width : {1, 5, 40})
        for (bool ragged : {false, true}) check_bags({dtype, mode, width, ragged, width == 5, false});
}

TEST(embedding_bag, by_frequency) { check_bags({DType::f32, BagMode::mean, 7, true, true, true}); }

TEST(embedding_bag, under_each_schedule) {
  emulated::under_each_schedule([] { check_bags({DType::f32, BagMode::sum, 5, true, true, true}); });
}

TEST(embedding_bag, what_is_out_of_range_is_a_fault) {
  const Elements weight = values(DType::f32, kRows * 3, 1), out(DType::f32, 6);
  int64_t bad = 0;
  EmbeddingBagArgs args{};
  args.dtype = DType::f32;
  args.rows = kRows;
  args.width = 3;
  args.n = 4;
  args.bags = 2;
  args.padding = -1;
  args.weight = weight.data();
  args.out = out.data();
  args.bad_position = &bad;
  args.gpu_fault = gpu::fault_slot(0);
  for (const bool of_index : {true, false}) {
    const Array<int64_t> index(4, [&](size_t i) { return of_index && i == 2 ? kRows : 1; });
    const Array<int64_t> offsets(2, [&](size_t i) { return i == 1 ? (of_index ? 2 : 5) : 0; });
    args.index = index.data();
    args.offsets = offsets.data();
    sm80::embedding_bag(args, nullptr);
    const std::string text = check::message_of<IndexError>([] { gpu::synchronize(0); });
    CHECK(text.find(of_index ? "embedding_bag: index 9" : "embedding_bag: index 5") != std::string::npos ||
          text.find("embedding_bag: index 0") != std::string::npos);
  }
}
