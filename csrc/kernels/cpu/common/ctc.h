// CTC loss and its gradient (kernels/args/ctc.h): samples side by side, the states of a step in vectors.
#pragma once

#include "core/memory.h"
#include "kernels/args/ctc.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/vec_math.h"

namespace hotloop::HOTLOOP_ISA {

constexpr double kCtcNever = -__builtin_inf();  // the log of no probability
constexpr int kCtcLanes = kLanes<double>;

inline f64v ctc_log_sum(f64v a, f64v b, f64v c) {
  const f64v ab = select<f64v>(a > b, a, b), top = select<f64v>(ab > c, ab, c);
  const f64v m = select<f64v>(top == kCtcNever, f64v{}, top);
  return m + log(f64v(exp(f64v(a - m)) + exp(f64v(b - m)) + exp(f64v(c - m))));
}

// One sample's states, in rows that have 2 impossible states on either side and are whole vectors long.
template <class T>
struct CtcSample {
  const CtcArgs& args;
  int64_t n, steps, states;
  int64_t row;  // doubles from one row to the next
  Workspace memory;
  double *now, *before, *emission, *skip;  // skip[s]: 0 where a step may go from s - 2 to s, else -inf
  int64_t* label;

  CtcSample(const CtcArgs& args_, int64_t n_)
      : args(args_),
        n(n_),
        steps(args.spans[n].steps),
        states(2 * args.spans[n].labels + 1),
        row((states + 4 + 2 * kCtcLanes) / kCtcLanes * kCtcLanes),
        memory(size_t(5 * row) * sizeof(double)) {
    double* rows = static_cast<double*>(memory.data());
    for (int64_t i = 0; i < 4 * row; ++i) rows[i] = kCtcNever;
    now = rows + 2;
    before = now + row;
    emission = before + row;
    skip = emission + row;
    label = reinterpret_cast<int64_t*>(rows + 4 * row);
    const int64_t* targets = args.targets + args.spans[n].start;
    for (int64_t s = 0; s < states; ++s) {
      label[s] = s % 2 ? targets[s / 2] : args.blank;
      if (s > 1 && s % 2 && label[s] != label[s - 2]) skip[s] = 0;
    }
  }

  const T* log_probs(int64_t t) const {
    return static_cast<const T*>(args.log_probs) + (t * args.batch + n) * args.classes;
  }
  double* alpha(int64_t t) const { return args.alpha + (n * args.steps + t) * args.states; }
  void emit(int64_t t) {
    const T* from = log_probs(t);
    for (int64_t s = 0; s < states; ++s) emission[s] = double(from[label[s]]);
  }
  void advance() {
    double* other = now;
    now = before;
    before = other;
  }
  double loss() const {
    if (steps == 0) return states == 1 ? 0 : -kCtcNever;
    const double* last = alpha(steps - 1);
    const f64v total = ctc_log_sum(broadcast(last[states - 1]), broadcast(states > 1 ? last[states - 2] : kCtcNever),
                                   broadcast(kCtcNever));
    return -total[0];
  }
  // body(s, lanes) for vectors of states.
  template <class F>
  void for_states(F body) const {
    for (int64_t s = 0; s < states; s += kCtcLanes) body(s, int(smaller<int64_t>(states - s, kCtcLanes)));
  }
};

template <class T>
void ctc_forward(const CtcArgs& args, int64_t n) {
  CtcSample<T> x(args, n);
  for (int64_t t = 0; t < x.steps; ++t) {
    x.emit(t);
    double* alpha = x.alpha(t);
    x.for_states([&](int64_t s, int lanes) {
      f64v reached = ctc_log_sum(load(x.before + s), load(x.before + s - 1), load(x.before + s - 2) + load(x.skip + s));
      if (t == 0)
        for (int i = 0; i < lanes; ++i) reached[i] = s + i < 2 ? 0 : kCtcNever;
      const f64v a = reached + load(x.emission + s);
      store_partial(x.now + s, a, lanes);
      store_partial(alpha + s, a, lanes);
    });
    x.advance();
  }
  const double loss = x.loss();
  static_cast<T*>(args.loss)[n] = T(args.zero_infinity && loss == -kCtcNever ? 0 : loss);
}

template <class T>
void ctc_backward(const CtcBackwardArgs& backward, int64_t n) {
  const CtcArgs& args = backward.forward;
  CtcSample<T> x(args, n);
  Workspace memory(size_t(args.classes) * sizeof(double));
  double* at = static_cast<double*>(memory.data());  // of each class: the probability of being there
  const double loss = x.loss(), grad_loss = double(static_cast<const T*>(backward.grad_loss)[n]);
  for (int64_t t = args.steps - 1; t >= 0; --t) {
    T* grad = static_cast<T*>(backward.grad) + (t * args.batch + n) * args.classes;
    if (t >= x.steps || loss == -kCtcNever) {
      const T fill = t >= x.steps || args.zero_infinity ? T(0) : T(__builtin_nan(""));
      for (int64_t c = 0; c < args.classes; ++c) grad[c] = fill;
      continue;
    }
    x.emit(t);
    for (int64_t c = 0; c < args.classes; ++c) at[c] = 0;
    const double* alpha = x.alpha(t);
    x.for_states([&](int64_t s, int lanes) {
      f64v left =
          ctc_log_sum(load(x.before + s), load(x.before + s + 1), load(x.before + s + 2) + load(x.skip + s + 2));
      if (t == x.steps - 1)
        for (int i = 0; i < lanes; ++i) left[i] = s + i >= x.states - 2 ? 0 : kCtcNever;
      store_partial(x.now + s, f64v(left + load(x.emission + s)), lanes);
      const f64v p = exp(f64v(load_partial(alpha + s, lanes) + left + broadcast(loss)));
      for (int i = 0; i < lanes; ++i) at[x.label[s + i]] += p[i];
    });
    x.advance();
    const T* log_probs = x.log_probs(t);
    for (int64_t c = 0; c < args.classes; c += kCtcLanes) {
      const int lanes = int(smaller<int64_t>(args.classes - c, kCtcLanes));
      f64v lp{};
      for (int i = 0; i < lanes; ++i) lp[i] = double(log_probs[c + i]);
      const f64v g = (exp(lp) - load_partial(at + c, lanes)) * grad_loss;
      for (int i = 0; i < lanes; ++i) grad[c + i] = T(g[i]);
    }
  }
}

void ctc_loss(const CtcArgs& args) {
  for_chunks(args.batch,
             [&](int64_t n) { args.dtype == DType::f64 ? ctc_forward<double>(args, n) : ctc_forward<float>(args, n); });
}

void ctc_loss_backward(const CtcBackwardArgs& args) {
  for_chunks(args.forward.batch, [&](int64_t n) {
    args.forward.dtype == DType::f64 ? ctc_backward<double>(args, n) : ctc_backward<float>(args, n);
  });
}

}  // namespace hotloop::HOTLOOP_ISA
