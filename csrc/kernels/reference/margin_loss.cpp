// Naive margin losses, in double.
#include "kernels/args/margin_loss.h"

#include <algorithm>

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

// f(y, c, z) for the pairs of row r whose z = margin - x[y] + x[c] is above 0.
template <class F>
static void for_pairs(const MarginLossArgs& args, int64_t r, F f) {
  const int64_t* first = args.target + r * args.named;
  const int64_t* end = std::find_if(first, first + args.named, [](int64_t y) { return y < 0; });
  const auto x = [&](int64_t c) { return get(args.x, args.dtype, r * args.classes + c); };
  for (const int64_t* y = first; y < end; ++y)
    for (int64_t c = 0; c < args.classes; ++c) {
      const double z = args.margin - x(*y) + x(c);
      if (std::find(first, end, c) == end && z > 0) f(*y, c, z);
    }
}

void margin_loss(const MarginLossArgs& args) {
  for (int64_t r = 0; r < args.rows; ++r) {
    double loss = 0;
    for_pairs(args, r, [&](int64_t, int64_t, double z) { loss += args.squared ? z * z : z; });
    put(args.loss, args.dtype, r, loss / double(args.classes));
  }
}

void margin_loss_backward(const MarginLossArgs& args) {
  for (int64_t r = 0; r < args.rows; ++r) {
    const double grad = get(args.grad_loss, args.dtype, r) / double(args.classes);
    for (int64_t i = 0; i < args.classes; ++i) {
      double slope = 0;
      for_pairs(args, r, [&](int64_t y, int64_t c, double z) {
        slope += (double(c == i) - double(y == i)) * (args.squared ? 2 * z : 1);
      });
      put(args.grad_x, args.dtype, r * args.classes + i, slope * grad);
    }
  }
}

}  // namespace hotloop::reference
