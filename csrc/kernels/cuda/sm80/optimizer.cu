// Fused optimizer steps (kernels/args/optimizer.h): one launch over the tensors of a list (optimizer_list.h), in which
// every element of a parameter, its gradient and its states is read once and written once, by 16 bytes. Arithmetic is
// that of kernels/cpu/common/optimizer.h, bit for bit. Where the step's number or rate lies in the GPU's memory, one
// thread derives the settings first, in a launch of its own. Bound by memory: 28 bytes an element for Adam in f32.
// Called by dispatch/optimizer.cpp. Never run on a GPU yet.
#include "kernels/args/optimizer_clock.h"
#include "kernels/cuda/common/math.h"
#include "kernels/cuda/sm80/optimizer_list.h"

namespace hotloop::sm80 {

namespace {

template <class A>
__device__ __forceinline__ A sign_of(A x) {
  return x > A(0) ? A(1) : x < A(0) ? A(-1) : A(0);
}
// NaN stays.
template <class A>
__device__ __forceinline__ A larger(A a, A b) {
  return a > b || a != a ? a : b;
}

// The gradient with its penalty, and the parameter after a decoupled one.
template <class A>
struct Penalize {
  bool any;
  A sign, decay, lasso, keep, shrink;

  HOTLOOP_HOST_DEVICE Penalize(const Penalty& p, double lr)
      : any(p.maximize || p.weight_decay != 0 || p.l1_decay != 0),
        sign(p.maximize ? A(-1) : A(1)),
        decay(A(p.decoupled ? 0 : p.weight_decay)),
        lasso(A(p.decoupled ? 0 : p.l1_decay)),
        keep(A(p.decoupled ? 1 - lr * p.weight_decay : 1)),
        shrink(A(p.decoupled ? lr * p.l1_decay : 0)) {}

  __device__ __forceinline__ void apply(A& p, A& g) const {
    const A side = sign_of(p);
    g = g * sign + p * decay + side * lasso;
    p = p * keep - side * shrink;
  }
};

// Each rule takes a parameter p, its gradient g and its states s to what they are after the step. States that the
// tensor t has none of are 0, and not stored.
template <class A>
struct SgdRule {
  static constexpr int kStates = 1;
  bool nesterov;
  double lr;
  A momentum, share;
  HOTLOOP_HOST_DEVICE SgdRule(const SgdArgs& a)
      : nesterov(a.nesterov), lr(a.lr), momentum(A(a.momentum)), share(A(1 - a.dampening)) {}
  __device__ __forceinline__ void operator()(const ListTensor& t, A& p, A g, A* s) const {
    if (t.state[0]) {
      s[0] = t.first ? g : s[0] * momentum + g * share;
      g = nesterov ? g + s[0] * momentum : s[0];
    }
    p -= g * A(lr * t.rate);
  }
};

// Adam's two averages, which others share.
template <class A>
struct Moments {
  A mean_share, beta2, square_share;
  HOTLOOP_HOST_DEVICE Moments(double b1, double b2) : mean_share(A(1 - b1)), beta2(A(b2)), square_share(A(1 - b2)) {}
  __device__ __forceinline__ void apply(A g, A& m, A& v) const {
    m += (g - m) * mean_share;
    v = v * beta2 + g * g * square_share;
  }
};

template <class A>
struct AdamRule {
  static constexpr int kStates = 3;
  Moments<A> moments;
  A step, root_scale, eps;
  HOTLOOP_HOST_DEVICE AdamRule(const AdamArgs& a)
      : moments(a.beta1, a.beta2),
        step(A(a.lr / a.bias_correction1)),
        root_scale(A(1 / ::sqrt(a.bias_correction2))),
        eps(A(a.eps)) {}
  __device__ __forceinline__ void operator()(const ListTensor& t, A& p, A g, A* s) const {
    moments.apply(g, s[0], s[1]);
    A v = s[1];
    if (t.state[2]) v = s[2] = larger(v, s[2]);
    p -= s[0] * step / (math::sqrt(v) * root_scale + eps);
  }
};

template <class A>
struct RmspropRule {
  static constexpr int kStates = 3;
  A lr, alpha, share, eps, momentum;
  HOTLOOP_HOST_DEVICE RmspropRule(const RmspropArgs& a)
      : lr(A(a.lr)), alpha(A(a.alpha)), share(A(1 - a.alpha)), eps(A(a.eps)), momentum(A(a.momentum)) {}
  __device__ __forceinline__ void operator()(const ListTensor& t, A& p, A g, A* s) const {
    A v = s[0] = s[0] * alpha + g * g * share;
    if (t.state[2]) {
      s[2] += (g - s[2]) * share;
      v -= s[2] * s[2];
    }
    A u = g / (math::sqrt(v) + eps);
    if (t.state[1]) u = s[1] = s[1] * momentum + u;
    p -= u * lr;
  }
};

template <class A>
struct AdagradRule {
  static constexpr int kStates = 1;
  A lr, eps;
  HOTLOOP_HOST_DEVICE AdagradRule(const AdagradArgs& a) : lr(A(a.lr)), eps(A(a.eps)) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A& p, A g, A* s) const {
    s[0] += g * g;
    p -= g * lr / (math::sqrt(s[0]) + eps);
  }
};

template <class A>
struct AdadeltaRule {
  static constexpr int kStates = 2;
  A lr, rho, share, eps;
  HOTLOOP_HOST_DEVICE AdadeltaRule(const AdadeltaArgs& a)
      : lr(A(a.lr)), rho(A(a.rho)), share(A(1 - a.rho)), eps(A(a.eps)) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A& p, A g, A* s) const {
    s[0] = s[0] * rho + g * g * share;
    const A u = math::sqrt(s[1] + eps) / math::sqrt(s[0] + eps) * g;
    s[1] = s[1] * rho + u * u * share;
    p -= u * lr;
  }
};

template <class A>
struct AdamaxRule {
  static constexpr int kStates = 2;
  A mean_share, beta2, eps, rate;
  HOTLOOP_HOST_DEVICE AdamaxRule(const AdamaxArgs& a)
      : mean_share(A(1 - a.beta1)), beta2(A(a.beta2)), eps(A(a.eps)), rate(A(a.rate)) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A& p, A g, A* s) const {
    s[0] += (g - s[0]) * mean_share;
    s[1] = larger(s[1] * beta2, (g < A(0) ? -g : g) + eps);
    p -= s[0] * rate / s[1];
  }
};

template <class A>
struct NadamRule {
  static constexpr int kStates = 2;
  Moments<A> moments;
  A grad_rate, mean_rate, root_scale, eps;
  HOTLOOP_HOST_DEVICE NadamRule(const NadamArgs& a)
      : moments(a.beta1, a.beta2),
        grad_rate(A(a.grad_rate)),
        mean_rate(A(a.mean_rate)),
        root_scale(A(1 / ::sqrt(a.bias_correction2))),
        eps(A(a.eps)) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A& p, A g, A* s) const {
    moments.apply(g, s[0], s[1]);
    p -= (g * grad_rate + s[0] * mean_rate) / (math::sqrt(s[1]) * root_scale + eps);
  }
};

template <class A>
struct RadamRule {
  static constexpr int kStates = 2;
  Moments<A> moments;
  A rate, eps;
  bool adaptive;
  HOTLOOP_HOST_DEVICE RadamRule(const RadamArgs& a)
      : moments(a.beta1, a.beta2), rate(A(a.rate)), eps(A(a.eps)), adaptive(a.adaptive) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A& p, A g, A* s) const {
    moments.apply(g, s[0], s[1]);
    p -= adaptive ? s[0] * rate / (math::sqrt(s[1]) + eps) : s[0] * rate;
  }
};

template <class A>
struct LionRule {
  static constexpr int kStates = 1;
  A lr, beta1, grad_share, beta2, memory_share;
  HOTLOOP_HOST_DEVICE LionRule(const LionArgs& a)
      : lr(A(a.lr)), beta1(A(a.beta1)), grad_share(A(1 - a.beta1)), beta2(A(a.beta2)), memory_share(A(1 - a.beta2)) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A& p, A g, A* s) const {
    const A u = s[0] * beta1 + g * grad_share;
    p -= (u != u ? u : sign_of(u)) * lr;
    s[0] = s[0] * beta2 + g * memory_share;
  }
};

template <class A>
struct MuonMomentumRule {
  static constexpr int kStates = 2;
  A momentum, share;
  bool nesterov;
  HOTLOOP_HOST_DEVICE MuonMomentumRule(const MuonMomentumArgs& a)
      : momentum(A(a.momentum)), share(A(1 - a.momentum)), nesterov(a.nesterov) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A&, A g, A* s) const {
    s[0] += (g - s[0]) * share;
    s[1] = nesterov ? g + (s[0] - g) * momentum : s[0];
  }
};

template <class A>
struct AverageRule {
  static constexpr int kStates = 0;
  A weight;
  HOTLOOP_HOST_DEVICE AverageRule(const AverageArgs& a) : weight(A(a.weight)) {}
  __device__ __forceinline__ void operator()(const ListTensor&, A& p, A g, A*) const { p += (g - p) * weight; }
};

// All that a step has besides its tensors.
template <class A, template <class> class AnyRule>
struct Settings {
  using Rule = AnyRule<A>;
  Penalize<A> penalty;
  Rule rule;
  template <class Args>
  HOTLOOP_HOST_DEVICE explicit Settings(const Args& a) : penalty(a.penalty, a.lr), rule(a) {}
};

template <class Own, class Args>
__global__ void settle(Args args, StepMemory memory, Own* settings) {
  if (memory.lr) {
    args.lr = memory.lr_dtype == DType::f64 ? *static_cast<const double*>(memory.lr)
                                            : double(*static_cast<const float*>(memory.lr));
  }
  if (memory.steps_made) {
    double mu_product = memory.mu_product ? *memory.mu_product : 1;
    set_step(args, double(*memory.steps_made) + 1, mu_product);
  }
  *settings = Own(args);
}

// settled: the settings where they lie in memory; null: given.
template <class T, class Own, int kMost>
__global__ void __launch_bounds__(kListThreads)
    step(const __grid_constant__ ListTable<kMost> table, const Own given, const Own* settled) {
  using A = Compute<T>;
  using Rule = typename Own::Rule;
  const Own own = settled ? *settled : given;
  constexpr int kCount = kRun<T>, kStates = Rule::kStates, kRoom = kStates ? kStates : 1;
  const ListTensor& t = tensor_of_chunk(table, blockIdx.x);
  T* const param = static_cast<T*>(t.param);
  const T* const grad = static_cast<const T*>(t.grad);
  for_runs<T>(t, blockIdx.x, [&](int64_t i, int64_t n) {
    T p[kCount], g[kCount], s[kRoom][kCount] = {};
    load_elements(param, i, n, t.packs, p);
    load_elements(grad, i, n, t.packs, g);
#pragma unroll
    for (int k = 0; k < kStates; ++k) {
      if (t.state[k]) load_elements(static_cast<const T*>(t.state[k]), i, n, t.packs, s[k]);
    }
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      A param_j = convert<A>(p[j]), grad_j = convert<A>(g[j]), states[kRoom];
#pragma unroll
      for (int k = 0; k < kStates; ++k) states[k] = convert<A>(s[k][j]);
      if (own.penalty.any) own.penalty.apply(param_j, grad_j);
      own.rule(t, param_j, grad_j, states);
      p[j] = convert<T>(param_j);
#pragma unroll
      for (int k = 0; k < kStates; ++k) s[k][j] = convert<T>(states[k]);
    }
    store_elements(param, i, n, t.packs, p);
#pragma unroll
    for (int k = 0; k < kStates; ++k) {
      if (t.state[k]) store_elements(static_cast<T*>(t.state[k]), i, n, t.packs, s[k]);
    }
  });
}

template <template <class> class Rule, class Args>
void run_step(const Args& args, GpuStream stream) {
  with_float(args.list.dtype, [&](auto element) {
    using T = decltype(element);
    using Own = Settings<Compute<T>, Rule>;
    const StepMemory* memory = args.list.memory;
    const gpu::Scratch scratch(memory ? sizeof(Own) : 0, gpu::current_device(), stream);
    Own* const settled = scratch.data<Own>();
    if (memory) launch(stream, 1, 1, 0, settle<Own, Args>, args, *memory, settled);
    for_tables<T>(args.list, [&]<int kMost>(const ListTable<kMost>& table, unsigned threads) {
      launch(stream, table.chunks, threads, 0, step<T, Own, kMost>, table, Own(args), settled);
    });
  });
}

}  // namespace

void sgd(const SgdArgs& args, GpuStream stream) { run_step<SgdRule>(args, stream); }
void adam(const AdamArgs& args, GpuStream stream) { run_step<AdamRule>(args, stream); }
void rmsprop(const RmspropArgs& args, GpuStream stream) { run_step<RmspropRule>(args, stream); }
void adagrad(const AdagradArgs& args, GpuStream stream) { run_step<AdagradRule>(args, stream); }
void adadelta(const AdadeltaArgs& args, GpuStream stream) { run_step<AdadeltaRule>(args, stream); }
void adamax(const AdamaxArgs& args, GpuStream stream) { run_step<AdamaxRule>(args, stream); }
void nadam(const NadamArgs& args, GpuStream stream) { run_step<NadamRule>(args, stream); }
void radam(const RadamArgs& args, GpuStream stream) { run_step<RadamRule>(args, stream); }
void lion(const LionArgs& args, GpuStream stream) { run_step<LionRule>(args, stream); }
void muon_momentum(const MuonMomentumArgs& args, GpuStream stream) { run_step<MuonMomentumRule>(args, stream); }
void average(const AverageArgs& args, GpuStream stream) { run_step<AverageRule>(args, stream); }

}  // namespace hotloop::sm80
