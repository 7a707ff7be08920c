// Margin losses against the reference: rows around the size of a block, one class a row and lists that end or do not.
#include "kernels.h"
#include "kernels/args/margin_loss.h"

HOTLOOP_TESTED_KERNEL(margin_loss, MarginLossArgs)
HOTLOOP_TESTED_KERNEL(margin_loss_backward, MarginLossArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Shape {
  int64_t rows, classes, named;
};
const Shape kShapes[] = {{3, 1, 1}, {5, 7, 1}, {4, 130, 1}, {3, 9, 9}, {2, 300, 6}};

Elements values(DType dtype, int64_t n, uint64_t seed) {
  const Elements x(dtype, n);
  Numbers numbers(seed);
  for (int64_t i = 0; i < n; ++i) x.set(i, numbers.uniform(-1, 1));
  return x;
}

void check_margin_loss(DType dtype, const Shape& s, bool squared) {
  const Elements x = values(dtype, s.rows * s.classes, 1), grad = values(dtype, s.rows, 2);
  const Elements target(DType::i64, s.rows * s.named);
  Numbers numbers(3);
  for (int64_t i = 0; i < target.size(); ++i)
    target.set(i, double(s.named > 1 && numbers.below(5) == 0 ? -1 : numbers.below(s.classes)));
  const Elements loss(dtype, s.rows), wanted_loss(dtype, s.rows);
  const Elements grad_x(dtype, x.size()), wanted_grad_x(dtype, x.size());
  MarginLossArgs args{dtype,
                      s.rows,
                      s.classes,
                      s.named,
                      squared,
                      0.5,
                      x.data(),
                      target.data<int64_t>(),
                      wanted_loss.data(),
                      grad.data(),
                      wanted_grad_x.data(),
                      gpu::fault_slot(0),
                      "margin_loss",
                      -1};
  reference::margin_loss(args);
  reference::margin_loss_backward(args);
  args.loss = loss.data();
  args.grad_x = grad_x.data();
  sm80::margin_loss(args, nullptr);
  sm80::margin_loss_backward(args, nullptr);
  const double lost = arithmetic(dtype) * 32 * double(s.named);
  check_near("loss", loss, wanted_loss, 7 * lost);
  check_near("grad_x", grad_x, wanted_grad_x, 5 * lost);
}

}  // namespace

TEST(margin_loss, forward_and_backward) {
  for (DType dtype : kFloatDTypes)
    for (const Shape& s : kShapes)
      for (bool squared : {false, true}) check_margin_loss(dtype, s, squared);
}

TEST(margin_loss, a_target_out_of_range_is_a_fault) {
  for (int64_t least : {-1, 0}) {
    for (int64_t wrong : {least - 1, int64_t(7), INT64_MAX}) {
      const Elements x = values(DType::f32, 3 * 7, 1), out(DType::f32, 3), grad_x(DType::f32, 3 * 7);
      const Array<int64_t> target(6, [&](int64_t i) { return i == 3 ? wrong : i; });
      const MarginLossArgs args{DType::f32,
                                3,
                                7,
                                2,
                                false,
                                1,
                                x.data(),
                                target.data(),
                                out.data(),
                                out.data(),
                                grad_x.data(),
                                gpu::fault_slot(0),
                                "multi",
                                least};
      sm80::margin_loss(args, nullptr);
      sm80::margin_loss_backward(args, nullptr);
      const std::string text = check::message_of<IndexError>([] { gpu::synchronize(0); });
      CHECK(text.find("multi: Target " + std::to_string(wrong)) != std::string::npos);
    }
  }
}

TEST(margin_loss, under_each_schedule) {
  emulated::under_each_schedule([] { check_margin_loss(DType::f32, kShapes[4], true); });
}
