// Optimizer steps over lists of tensors: the bits of the CPU's kernels; the norm of gradients against the reference.
#include "core/half.h"
#include "kernels.h"
#include "kernels/args/optimizer.h"

HOTLOOP_OPTIMIZERS(HOTLOOP_TESTED_KERNEL)

using namespace hotloop;
using namespace kernels;

namespace {

// Tensors with values to step from; `states` tells which of the three each has.
class List {
 public:
  List(DType dtype, const std::vector<int64_t>& sizes, unsigned states) : dtype_(dtype) {
    Numbers numbers(sizes.size());
    for (size_t k = 0; k < sizes.size(); ++k) {
      OptimizerTensor t{};
      t.param = add(numbers, sizes[k], int64_t(k % 3 == 2), -1);
      t.grad = add(numbers, sizes[k], 0, -1);
      for (int s = 0; s < kMaxOptimizerStates; ++s)
        if (states >> s & 1) t.state[s] = add(numbers, sizes[k], 0, 0);
      t.n = sizes[k];
      t.first = k % 2;
      t.rate = k % 2 ? 1 : 0.5;
      tensors_.push_back(t);
    }
  }
  OptimizerList list() const { return {dtype_, int64_t(tensors_.size()), tensors_.data()}; }
  int64_t differences(const List& other) const {
    int64_t count = 0;
    for (size_t i = 0; i < memory_.size(); ++i) count += memory_[i]->differences(*other.memory_[i]);
    return count;
  }
  void set_grad(size_t tensor, int64_t i, double x) const { reference::put(tensors_[tensor].grad, dtype_, i, x); }

 private:
  void* add(Numbers& numbers, int64_t n, int64_t skew, double low) {
    memory_.push_back(std::make_unique<Elements>(dtype_, n, skew));
    for (int64_t i = 0; i < n; ++i) memory_.back()->set(i, i % 11 == 3 ? 0 : numbers.uniform(low, 1));
    return memory_.back()->data();
  }

  DType dtype_;
  std::vector<OptimizerTensor> tensors_;
  std::vector<std::unique_ptr<Elements>> memory_;
};

const std::vector<int64_t> kSizes = {1, 0, 7, 32, 1029, 4, 0, 20001};

constexpr Penalty kPenalties[] = {
    {0, 0, false, false}, {0.1, 0, false, true}, {0.1, 0.01, true, false}, {0, 0.02, false, false}};

// The step of args for each dtype, penalty and list of sizes, with the states of these bits.
template <class Args>
void check_step(const char* what, void (*gpu)(const Args&, void*), void (*cpu)(const Args&), Args args, unsigned states,
                const std::vector<int64_t>& sizes = kSizes) {
  for (DType dtype : kFloatDTypes) {
    for (const Penalty& penalty : kPenalties) {
      const List ours(dtype, sizes, states), wanted(dtype, sizes, states);
      args.penalty = penalty;
      args.list = wanted.list();
      cpu(args);
      args.list = ours.list();
      gpu(args, nullptr);
      const int64_t different = ours.differences(wanted);
      if (different)
        check::report(__FILE__, __LINE__, std::to_string(different) + " of " + what + " in " + name(dtype));
    }
  }
}
#define CHECK_STEP(step, states, ...) check_step(#step, sm80::step, baseline::step, {{}, {}, __VA_ARGS__}, states)

std::vector<int64_t> many(int64_t count) {
  std::vector<int64_t> sizes;
  for (int64_t k = 0; k < count; ++k) sizes.push_back(k % 5 * k % 37);
  return sizes;
}

}  // namespace

TEST(optimizer, sgd) {
  emulated::under_each_schedule([] { CHECK_STEP(sgd, 0b1u, 0.1, 0.9, 0.1, false); });
  CHECK_STEP(sgd, 0b0u, 0.1, 0, 0, false);
  CHECK_STEP(sgd, 0b1u, 0.1, 0.9, 0.0, true);
}

TEST(optimizer, adam) {
  CHECK_STEP(adam, 0b11u, 0.01, 0.9, 0.999, 1e-8, 0.19, 0.002);
  CHECK_STEP(adam, 0b111u, 0.01, 0.9, 0.999, 1e-8, 0.19, 0.002);
}

TEST(optimizer, others) {
  CHECK_STEP(rmsprop, 0b001u, 0.01, 0.9, 1e-4, 0);
  CHECK_STEP(rmsprop, 0b011u, 0.01, 0.9, 1e-4, 0.9);
  CHECK_STEP(rmsprop, 0b111u, 0.01, 0.9, 1e-4, 0.9);
  CHECK_STEP(adagrad, 0b1u, 0.01, 1e-10);
  CHECK_STEP(adadelta, 0b11u, 0.5, 0.9, 1e-6);
  CHECK_STEP(adamax, 0b11u, 0.01, 0.9, 0.99, 1e-8, 0.02);
  CHECK_STEP(nadam, 0b11u, 0.01, 0.9, 0.99, 1e-8, 0.02, 0.03, 0.5, 0.004);
  CHECK_STEP(radam, 0b11u, 0.01, 0.9, 0.99, 1e-8, 0.02, true);
  CHECK_STEP(radam, 0b11u, 0.01, 0.9, 0.99, 1e-8, 0.02, false);
  CHECK_STEP(lion, 0b1u, 0.01, 0.9, 0.99);
  CHECK_STEP(muon_momentum, 0b11u, 0.01, 0.9, true);
  CHECK_STEP(muon_momentum, 0b11u, 0.01, 0.9, false);
  check_step("average", sm80::average, baseline::average, AverageArgs{{}, {}, 0, 0.25}, 0);
}

TEST(optimizer, the_step_is_the_references) {
  const List ours(DType::f64, kSizes, 0b11);
  AdamArgs args{ours.list(), kPenalties[2], 0.01, 0.9, 0.999, 1e-8, 0.19, 0.002};
  Elements before(DType::f64, 20001);
  std::memcpy(before.data(), args.list.tensors[7].param, 20001 * 8);
  const List same(DType::f64, kSizes, 0b11);
  sm80::adam(args, nullptr);
  args.list = same.list();
  reference::adam(args);
  double worst = 0;
  for (int64_t i = 0; i < 20001; ++i)
    worst = std::max(worst, std::fabs(reference::get(ours.list().tensors[7].param, DType::f64, i) -
                                      reference::get(same.list().tensors[7].param, DType::f64, i)));
  CHECK(worst < 1e-14);
  CHECK(before[5] != reference::get(ours.list().tensors[7].param, DType::f64, 5));
}

TEST(optimizer, lists_of_any_length) {
  for (int64_t count : {0, 1, 48, 49, 120, 481, 1000}) {
    const List ours(DType::f32, many(count), 0b11), wanted(DType::f32, many(count), 0b11);
    AdamArgs args{wanted.list(), {0.1, 0, true, false}, 0.01, 0.9, 0.999, 1e-8, 0.19, 0.002};
    baseline::adam(args);
    args.list = ours.list();
    const uint64_t launches = emulator::launch_count();
    sm80::adam(args, nullptr);
    CHECK_EQUAL(ours.differences(wanted), 0);
    CHECK_EQUAL(emulator::launch_count() - launches, uint64_t(count < 2 ? 0 : count <= 481 ? 1 : 2));
  }
}

TEST(optimizer, gradient_norm) {
  emulated::under_each_schedule([] {
    for (DType dtype : kFloatDTypes) {
      for (NormOrder order : {NormOrder::one, NormOrder::two, NormOrder::infinity}) {
        for (const auto& sizes : {kSizes, std::vector<int64_t>{}, std::vector<int64_t>{0}, many(60)}) {
          const List tensors(dtype, sizes, 0);
          const Array<double> total(1), wanted(1);
          reference::gradient_norm({tensors.list(), order, wanted.data()});
          sm80::gradient_norm({tensors.list(), order, total.data()}, nullptr);
          // A thread adds 64 numbers at most in the compute type.
          const double tolerance = order == NormOrder::infinity ? 0 : 64 * epsilon(std::max(dtype, DType::f32));
          CHECK(std::fabs(total[0] - wanted[0]) <= tolerance * wanted[0]);
        }
      }
    }
  });
}

TEST(optimizer, gradient_norm_of_many) {
  const List tensors(DType::f32, many(490), 0);
  const Array<double> total(1), wanted(1);
  reference::gradient_norm({tensors.list(), NormOrder::two, wanted.data()});
  sm80::gradient_norm({tensors.list(), NormOrder::two, total.data()}, nullptr);
  CHECK(std::fabs(total[0] - wanted[0]) <= 1e-6 * wanted[0]);
}

TEST(optimizer, gradient_norm_keeps_nan_and_infinity) {
  for (NormOrder order : {NormOrder::one, NormOrder::two, NormOrder::infinity}) {
    const List tensors(DType::f32, kSizes, 0);
    const Array<double> total(1);
    tensors.set_grad(4, 1000, -INFINITY);
    sm80::gradient_norm({tensors.list(), order, total.data()}, nullptr);
    CHECK_EQUAL(total[0], double(INFINITY));
    tensors.set_grad(2, 3, NAN);
    sm80::gradient_norm({tensors.list(), order, total.data()}, nullptr);
    CHECK(std::isnan(total[0]));
  }
}

TEST(optimizer, scale_gradients) {
  for (DType dtype : kFloatDTypes) {
    const List ours(dtype, kSizes, 0), wanted(dtype, kSizes, 0);
    baseline::scale_gradients({wanted.list(), 0.3});
    sm80::scale_gradients({ours.list(), 0.3}, nullptr);
    CHECK_EQUAL(ours.differences(wanted), 0);
  }
}
