// Naive CTC loss and gradient, in double.
#include "kernels/args/ctc.h"

#include <vector>

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

namespace {

double log_sum(std::initializer_list<double> logs) {
  const double top = std::max(logs);
  if (std::isinf(top) && top < 0) return top;
  double sum = 0;
  for (double x : logs) sum += std::exp(x - top);
  return top + std::log(sum);
}

struct Sample {
  const CtcArgs& args;
  int64_t n;
  int64_t steps = args.spans[n].steps, states = 2 * args.spans[n].labels + 1;

  int64_t label(int64_t s) const { return s % 2 ? args.targets[args.spans[n].start + s / 2] : args.blank; }
  bool skips(int64_t s) const { return s > 1 && s % 2 && label(s) != label(s - 2); }  // from s - 2 to s
  double log_prob(int64_t t, int64_t c) const {
    return get(args.log_probs, args.dtype, (t * args.batch + n) * args.classes + c);
  }
  double& alpha(int64_t t, int64_t s) const { return args.alpha[(n * args.steps + t) * args.states + s]; }
  double loss() const {
    if (steps == 0) return states == 1 ? 0 : INFINITY;
    return -log_sum({alpha(steps - 1, states - 1), states > 1 ? alpha(steps - 1, states - 2) : -INFINITY});
  }
};

}  // namespace

void ctc_loss(const CtcArgs& args) {
  for (int64_t n = 0; n < args.batch; ++n) {
    const Sample x{args, n};
    for (int64_t t = 0; t < x.steps; ++t)
      for (int64_t s = 0; s < x.states; ++s) {
        const auto before = [&](int64_t from) { return t && from >= 0 ? x.alpha(t - 1, from) : -INFINITY; };
        const double reached =
            t ? log_sum({before(s), before(s - 1), x.skips(s) ? before(s - 2) : -INFINITY}) : (s < 2 ? 0 : -INFINITY);
        x.alpha(t, s) = reached + x.log_prob(t, x.label(s));
      }
    const double loss = x.loss();
    put(args.loss, args.dtype, n, args.zero_infinity && loss == INFINITY ? 0 : loss);
  }
}

void ctc_loss_backward(const CtcBackwardArgs& backward) {
  const CtcArgs& args = backward.forward;
  for (int64_t n = 0; n < args.batch; ++n) {
    const Sample x{args, n};
    const double loss = x.loss(), grad_loss = get(backward.grad_loss, args.dtype, n);
    std::vector<double> beta(size_t(x.states), -INFINITY), after(beta);  // of steps t and t + 1
    for (int64_t t = args.steps - 1; t >= 0; --t) {
      std::vector<double> at(size_t(args.classes));
      if (t < x.steps) {
        for (int64_t s = 0; s < x.states; ++s) {
          const auto next = [&](int64_t to) { return to < x.states ? after[size_t(to)] : -INFINITY; };
          const bool skips = s + 2 < x.states && x.skips(s + 2);
          const double left = t + 1 < x.steps ? log_sum({next(s), next(s + 1), skips ? next(s + 2) : -INFINITY})
                                              : (s >= x.states - 2 ? 0 : -INFINITY);
          beta[size_t(s)] = left + x.log_prob(t, x.label(s));
          at[size_t(x.label(s))] += std::exp(x.alpha(t, s) + left + loss);
        }
        after = beta;
      }
      for (int64_t c = 0; c < args.classes; ++c) {
        double grad = t < x.steps ? grad_loss * (std::exp(x.log_prob(t, c)) - at[size_t(c)]) : 0;
        if (loss == INFINITY && t < x.steps) grad = args.zero_infinity ? 0 : NAN;
        put(backward.grad, args.dtype, (t * args.batch + n) * args.classes + c, grad);
      }
    }
  }
}

}  // namespace hotloop::reference
