// Fused optimizer steps (kernels/args/optimizer.h): one pass over memory, bound by its bandwidth.
#pragma once

#include "kernels/args/optimizer.h"
#include "kernels/cpu/common/reduce_core.h"
#include "kernels/cpu/common/softmax_rows.h"
#include "kernels/cpu/common/stream.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kStepChunk = 32 * 1024;  // elements; 0.9 MB of f32 Adam, about 20 us
constexpr int kStepTile = 512;             // elements of 16 bits converted at once

// Runs body(tensor, begin, end, chunk) over all elements of the list, in chunks of kStepChunk elements of the
// concatenation of its tensors; body runs once for each part of a tensor in a chunk, in order.
template <class F>
void for_list(const OptimizerList& list, F&& body) {
  int64_t total = 0;
  for (int64_t t = 0; t < list.count; ++t) total += list.tensors[t].n;
  if (total < 2 * kStepChunk) {
    for (int64_t t = 0; t < list.count; ++t) body(list.tensors[t], int64_t(0), list.tensors[t].n, int64_t(0));
    return;
  }
  struct Start {
    int64_t tensor, element;
  };
  const int64_t chunks = (total + kStepChunk - 1) / kStepChunk;
  Workspace table(size_t(chunks) * sizeof(Start));
  Start* starts = static_cast<Start*>(table.data());
  for (int64_t chunk = 0, t = 0, before = 0; chunk < chunks; ++chunk) {
    while (before + list.tensors[t].n <= chunk * kStepChunk) before += list.tensors[t++].n;
    starts[chunk] = {t, chunk * kStepChunk - before};
  }
  for_chunks(chunks, [&](int64_t chunk) {
    auto [t, begin] = starts[chunk];
    for (int64_t left = kStepChunk; left > 0 && t < list.count; ++t, begin = 0) {
      const int64_t end = smaller(begin + left, list.tensors[t].n);
      body(list.tensors[t], begin, end, chunk);
      left -= end - begin;
    }
  });
}
inline int64_t list_chunks(const OptimizerList& list) {
  int64_t total = 0;
  for (int64_t t = 0; t < list.count; ++t) total += list.tensors[t].n;
  return larger<int64_t>((total + kStepChunk - 1) / kStepChunk, 1);
}

// Runs body(pointers, n) with the operands as arrays of A: in place, or tile by tile through f32. Operands that are
// null stay null; those in the bit mask `written` are stored back.
template <class T, int kOperands, class F>
[[gnu::always_inline]] inline void with_operands(void* const (&operands)[kOperands], unsigned written, int64_t begin,
                                                 int64_t end, F body) {
  using A = Compute<T>;
  A* p[kOperands];
  if constexpr (__is_same(T, A)) {
    for (int k = 0; k < kOperands; ++k) p[k] = operands[k] ? static_cast<A*>(operands[k]) + begin : nullptr;
    body(p, end - begin);
  } else {
    alignas(64) A tile[kOperands][kStepTile];
    for (int64_t i = begin; i < end; i += kStepTile) {
      const int64_t n = smaller<int64_t>(kStepTile, end - i);
      for (int k = 0; k < kOperands; ++k) {
        p[k] = operands[k] ? tile[k] : nullptr;
        if (operands[k]) load_row(p[k], static_cast<const T*>(operands[k]) + i, n);
      }
      body(p, n);
      for (int k = 0; k < kOperands; ++k)
        if (operands[k] && (written >> k & 1)) store_row(static_cast<T*>(operands[k]) + i, p[k], n);
    }
  }
}

// The gradient with its penalty, and the parameter after a decoupled one.
template <class A>
struct Penalize {
  bool any;
  A sign, decay, lasso, keep, shrink;

  Penalize(const Penalty& p, double lr)
      : any(p.maximize || p.weight_decay != 0 || p.l1_decay != 0),
        sign(p.maximize ? A(-1) : A(1)),
        decay(A(p.decoupled ? 0 : p.weight_decay)),
        lasso(A(p.decoupled ? 0 : p.l1_decay)),
        keep(A(p.decoupled ? 1 - lr * p.weight_decay : 1)),
        shrink(A(p.decoupled ? lr * p.l1_decay : 0)) {}

  void apply(Vec<A>& param, Vec<A>& g) const {
    const Vec<A> side = sign_of(param);
    g = g * sign + param * decay + side * lasso;
    param = param * keep - side * shrink;
  }
  static Vec<A> sign_of(Vec<A> x) {
    const Vec<A> zero{}, one = broadcast(A(1));
    return x > zero ? one : x < zero ? -one : zero;
  }
};

// Each rule takes one vector of parameters p, gradients g and states s to what they are after the step.
template <class A>
struct SgdRule {
  static constexpr int kStates = 1;
  const bool momentous, first, nesterov;
  const A rate, momentum, share;
  SgdRule(const SgdArgs& a, const OptimizerTensor& t)
      : momentous(t.state[0]),
        first(t.first),
        nesterov(a.nesterov),
        rate(A(a.lr * t.rate)),
        momentum(A(a.momentum)),
        share(A(1 - a.dampening)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    if (momentous) {
      s[0] = first ? g : s[0] * momentum + g * share;
      g = nesterov ? g + s[0] * momentum : s[0];
    }
    p -= g * rate;
  }
};

// Adam's two averages, which others share.
template <class A>
struct Moments {
  const A mean_share, beta2, square_share;
  Moments(double b1, double b2) : mean_share(A(1 - b1)), beta2(A(b2)), square_share(A(1 - b2)) {}
  void apply(Vec<A> g, Vec<A>& m, Vec<A>& v) const {
    m += (g - m) * mean_share;
    v = v * beta2 + g * g * square_share;
  }
};

template <class A>
struct AdamRule {
  static constexpr int kStates = 3;
  const bool amsgrad;
  const Moments<A> moments;
  const A step, root_scale, eps;
  AdamRule(const AdamArgs& a, const OptimizerTensor& t)
      : amsgrad(t.state[2]),
        moments(a.beta1, a.beta2),
        step(A(a.lr / a.bias_correction1)),
        root_scale(A(1 / __builtin_sqrt(a.bias_correction2))),
        eps(A(a.eps)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    moments.apply(g, s[0], s[1]);
    Vec<A> v = s[1];
    if (amsgrad) v = s[2] = (v > s[2]) | (v != v) ? v : s[2];
    p -= s[0] * step / (sqrt(v) * root_scale + eps);
  }
};

template <class A>
struct RmspropRule {
  static constexpr int kStates = 3;
  const bool momentous, centered;
  const A lr, alpha, share, eps, momentum;
  RmspropRule(const RmspropArgs& a, const OptimizerTensor& t)
      : momentous(t.state[1]),
        centered(t.state[2]),
        lr(A(a.lr)),
        alpha(A(a.alpha)),
        share(A(1 - a.alpha)),
        eps(A(a.eps)),
        momentum(A(a.momentum)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    Vec<A> v = s[0] = s[0] * alpha + g * g * share;
    if (centered) {
      s[2] += (g - s[2]) * share;
      v -= s[2] * s[2];
    }
    Vec<A> u = g / (sqrt(v) + eps);
    if (momentous) u = s[1] = s[1] * momentum + u;
    p -= u * lr;
  }
};

template <class A>
struct AdagradRule {
  static constexpr int kStates = 1;
  const A lr, eps;
  AdagradRule(const AdagradArgs& a, const OptimizerTensor&) : lr(A(a.lr)), eps(A(a.eps)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    s[0] += g * g;
    p -= g * lr / (sqrt(s[0]) + eps);
  }
};

template <class A>
struct AdadeltaRule {
  static constexpr int kStates = 2;
  const A lr, rho, share, eps;
  AdadeltaRule(const AdadeltaArgs& a, const OptimizerTensor&)
      : lr(A(a.lr)), rho(A(a.rho)), share(A(1 - a.rho)), eps(A(a.eps)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    s[0] = s[0] * rho + g * g * share;
    const Vec<A> u = sqrt(s[1] + eps) / sqrt(s[0] + eps) * g;
    s[1] = s[1] * rho + u * u * share;
    p -= u * lr;
  }
};

template <class A>
struct AdamaxRule {
  static constexpr int kStates = 2;
  const A mean_share, beta2, eps, rate;
  AdamaxRule(const AdamaxArgs& a, const OptimizerTensor&)
      : mean_share(A(1 - a.beta1)), beta2(A(a.beta2)), eps(A(a.eps)), rate(A(a.rate)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    s[0] += (g - s[0]) * mean_share;
    const Vec<A> old = s[1] * beta2, now = (g < Vec<A>{} ? -g : g) + eps;
    s[1] = (old > now) | (old != old) ? old : now;  // NaN stays
    p -= s[0] * rate / s[1];
  }
};

template <class A>
struct NadamRule {
  static constexpr int kStates = 2;
  const Moments<A> moments;
  const A grad_rate, mean_rate, root_scale, eps;
  NadamRule(const NadamArgs& a, const OptimizerTensor&)
      : moments(a.beta1, a.beta2),
        grad_rate(A(a.grad_rate)),
        mean_rate(A(a.mean_rate)),
        root_scale(A(1 / __builtin_sqrt(a.bias_correction2))),
        eps(A(a.eps)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    moments.apply(g, s[0], s[1]);
    p -= (g * grad_rate + s[0] * mean_rate) / (sqrt(s[1]) * root_scale + eps);
  }
};

template <class A>
struct RadamRule {
  static constexpr int kStates = 2;
  const Moments<A> moments;
  const A rate, eps;
  const bool adaptive;
  RadamRule(const RadamArgs& a, const OptimizerTensor&)
      : moments(a.beta1, a.beta2), rate(A(a.rate)), eps(A(a.eps)), adaptive(a.adaptive) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    moments.apply(g, s[0], s[1]);
    p -= adaptive ? s[0] * rate / (sqrt(s[1]) + eps) : s[0] * rate;
  }
};

template <class A>
struct LionRule {
  static constexpr int kStates = 1;
  const A lr, beta1, grad_share, beta2, memory_share;
  LionRule(const LionArgs& a, const OptimizerTensor&)
      : lr(A(a.lr)), beta1(A(a.beta1)), grad_share(A(1 - a.beta1)), beta2(A(a.beta2)), memory_share(A(1 - a.beta2)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>* s) const {
    const Vec<A> u = s[0] * beta1 + g * grad_share;
    p -= (u != u ? u : Penalize<A>::sign_of(u)) * lr;
    s[0] = s[0] * beta2 + g * memory_share;
  }
};

template <class A>
struct MuonMomentumRule {
  static constexpr int kStates = 2;
  const A momentum, share;
  const bool nesterov;
  MuonMomentumRule(const MuonMomentumArgs& a, const OptimizerTensor&)
      : momentum(A(a.momentum)), share(A(1 - a.momentum)), nesterov(a.nesterov) {}
  void operator()(Vec<A>&, Vec<A> g, Vec<A>* s) const {
    s[0] += (g - s[0]) * share;
    s[1] = nesterov ? g + (s[0] - g) * momentum : s[0];
  }
};

template <class A>
struct AverageRule {
  static constexpr int kStates = 1;
  const A weight;
  AverageRule(const AverageArgs& a, const OptimizerTensor&) : weight(A(a.weight)) {}
  void operator()(Vec<A>& p, Vec<A> g, Vec<A>*) const { p += (g - p) * weight; }
};

// One step by a rule: each vector of a tensor and its states is read once and written once.
template <template <class> class Rule, class T, class Args>
void step_as(const Args& args) {
  using A = Compute<T>;
  constexpr int kStates = Rule<A>::kStates;
  const Penalize<A> penalty(args.penalty, args.lr);
  for_list(args.list, [&](const OptimizerTensor& t, int64_t begin, int64_t end, int64_t) {
    const Rule<A> rule(args, t);
    void* operands[2 + kStates] = {t.param, t.grad};
    for (int k = 0; k < kStates; ++k) operands[2 + k] = t.state[k];
    with_operands<T>(operands, ~0b10u, begin, end, [&](A* const* x, int64_t n) __attribute__((always_inline)) {
      for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
        Vec<A> p = load_some(x[0] + i, count), g = load_some(x[1] + i, count), s[kStates];
        for (int k = 0; k < kStates; ++k) s[k] = x[2 + k] ? load_some(x[2 + k] + i, count) : Vec<A>{};
        if constexpr (__is_same(T, A))  // memory is the time of a large step
          for (int k = 0; k < 2 + kStates; ++k)
            if (x[k]) fetch_page_ahead(x[k] + i);
        if (penalty.any) penalty.apply(p, g);
        rule(p, g, s);
        store_some<A>(x[0] + i, p, count);
        for (int k = 0; k < kStates; ++k)
          if (x[2 + k]) store_some<A>(x[2 + k] + i, s[k], count);
      });
    });
  });
}

template <class A>
struct SumAbs : Sum<A> {
  template <class V>
  static V map(V x, V) {
    return x < V{} ? -x : x;
  }
};
template <class A>
struct LargestAbs : Extreme<A, true> {
  template <class V>
  static V map(V x, V) {
    return x < V{} ? -x : x;
  }
  static constexpr A identity() { return A(0); }
  static A pad(A) { return A(0); }
};

template <class Reducer, class T>
void gradient_norm_by(const GradientNormArgs& args) {
  using A = Compute<T>;
  const int64_t chunks = list_chunks(args.list);
  Workspace workspace(size_t(chunks) * sizeof(double));
  double* partial = static_cast<double*>(workspace.data());
  const auto combine = [&](double a, double b) {
    return args.order == NormOrder::infinity ? (b > a || b != b ? b : a) : a + b;
  };
  for (int64_t i = 0; i < chunks; ++i) partial[i] = 0;
  for_list(args.list, [&](const OptimizerTensor& t, int64_t begin, int64_t end, int64_t chunk) {
    void* const operands[] = {t.grad};
    with_operands<T>(operands, 0, begin, end, [&](A* const* p, int64_t n) {
      for (int64_t i = 0; i < n; i += kTreeBlock) {
        const int count = int(smaller<int64_t>(kTreeBlock, n - i));
        partial[chunk] = combine(partial[chunk], double(reduce_block<Reducer, A>(p[0] + i, count, A(0))));
      }
    });
  });
  double total = 0;
  for (int64_t i = 0; i < chunks; ++i) total = combine(total, partial[i]);
  *args.total = total;
}

template <class T>
void gradient_norm_as(const GradientNormArgs& args) {
  using A = Compute<T>;
  switch (args.order) {
    case NormOrder::one: return gradient_norm_by<SumAbs<A>, T>(args);
    case NormOrder::two: return gradient_norm_by<SumSquares<A>, T>(args);
    case NormOrder::infinity: return gradient_norm_by<LargestAbs<A>, T>(args);
  }
}

template <class T>
void scale_gradients_as(const ScaleGradientsArgs& args) {
  using A = Compute<T>;
  const A scale = A(args.scale);
  for_list(args.list, [&](const OptimizerTensor& t, int64_t begin, int64_t end, int64_t) {
    void* const operands[] = {t.grad};
    with_operands<T>(operands, 1, begin, end, [&](A* const* p, int64_t n) {
      for (int64_t i = 0; i < n; ++i) p[0][i] *= scale;
    });
  });
}

#define HOTLOOP_OPTIMIZER(kernel, Args, ...)                           \
  void kernel(const Args& args) {                                      \
    const auto run = [&]<class T>(T*) { __VA_ARGS__; };                \
    switch (args.list.dtype) {                                         \
      case DType::f16: return run(static_cast<half_t*>(nullptr));      \
      case DType::bf16: return run(static_cast<bfloat16_t*>(nullptr)); \
      case DType::f64: return run(static_cast<double*>(nullptr));      \
      default: return run(static_cast<float*>(nullptr));               \
    }                                                                  \
  }
HOTLOOP_OPTIMIZER(sgd, SgdArgs, step_as<SgdRule, T>(args))
HOTLOOP_OPTIMIZER(adam, AdamArgs, step_as<AdamRule, T>(args))
HOTLOOP_OPTIMIZER(rmsprop, RmspropArgs, step_as<RmspropRule, T>(args))
HOTLOOP_OPTIMIZER(adagrad, AdagradArgs, step_as<AdagradRule, T>(args))
HOTLOOP_OPTIMIZER(adadelta, AdadeltaArgs, step_as<AdadeltaRule, T>(args))
HOTLOOP_OPTIMIZER(adamax, AdamaxArgs, step_as<AdamaxRule, T>(args))
HOTLOOP_OPTIMIZER(nadam, NadamArgs, step_as<NadamRule, T>(args))
HOTLOOP_OPTIMIZER(radam, RadamArgs, step_as<RadamRule, T>(args))
HOTLOOP_OPTIMIZER(lion, LionArgs, step_as<LionRule, T>(args))
HOTLOOP_OPTIMIZER(muon_momentum, MuonMomentumArgs, step_as<MuonMomentumRule, T>(args))
HOTLOOP_OPTIMIZER(average, AverageArgs, step_as<AverageRule, T>(args))
HOTLOOP_OPTIMIZER(gradient_norm, GradientNormArgs, gradient_norm_as<T>(args))
HOTLOOP_OPTIMIZER(scale_gradients, ScaleGradientsArgs, scale_gradients_as<T>(args))
#undef HOTLOOP_OPTIMIZER

}  // namespace hotloop::HOTLOOP_ISA
