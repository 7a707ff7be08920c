// Naive optimizer steps: one element at a time, in double.
#include "kernels/args/optimizer.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

template <class F>
static void for_elements(const OptimizerList& list, F body) {
  for (int64_t t = 0; t < list.count; ++t)
    for (int64_t i = 0; i < list.tensors[t].n; ++i) body(list.tensors[t], i);
}

// One element of one tensor: body(p, g, s) takes the parameter, the penalized gradient and the states to what they are
// after the step.
template <class Args, class F>
static void step(const Args& args, F body) {
  const DType dtype = args.list.dtype;
  const Penalty& q = args.penalty;
  for_elements(args.list, [&](const OptimizerTensor& t, int64_t i) {
    double p = get(t.param, dtype, i), s[kMaxOptimizerStates] = {};
    const double side = p > 0 ? 1 : p < 0 ? -1 : 0;
    double g = get(t.grad, dtype, i) * (q.maximize ? -1 : 1);
    const double penalty = (q.weight_decay != 0 ? q.weight_decay * p : 0) + q.l1_decay * side;
    if (q.decoupled)
      p -= args.lr * penalty;
    else
      g += penalty;
    for (int k = 0; k < kMaxOptimizerStates; ++k)
      if (t.state[k]) s[k] = get(t.state[k], dtype, i);
    body(t, p, g, s);
    for (int k = 0; k < kMaxOptimizerStates; ++k)
      if (t.state[k]) put(t.state[k], dtype, i, s[k]);
    put(t.param, dtype, i, p);
  });
}

static double mixed(double old, double now, double keep) { return keep * old + (1 - keep) * now; }

static double larger(double a, double b) { return a > b || std::isnan(a) ? a : b; }

void sgd(const SgdArgs& args) {
  step(args, [&](const OptimizerTensor& t, double& p, double g, double* s) {
    if (t.state[0]) {
      s[0] = t.first ? g : args.momentum * s[0] + (1 - args.dampening) * g;
      g = args.nesterov ? g + args.momentum * s[0] : s[0];
    }
    p -= args.lr * t.rate * g;
  });
}

void adam(const AdamArgs& args) {
  step(args, [&](const OptimizerTensor& t, double& p, double g, double* s) {
    s[0] = mixed(s[0], g, args.beta1);
    s[1] = mixed(s[1], g * g, args.beta2);
    double v = s[1];
    if (t.state[2]) v = s[2] = larger(v, s[2]);
    p -= args.lr / args.bias_correction1 * s[0] / (std::sqrt(v) / std::sqrt(args.bias_correction2) + args.eps);
  });
}

void rmsprop(const RmspropArgs& args) {
  step(args, [&](const OptimizerTensor& t, double& p, double g, double* s) {
    s[0] = mixed(s[0], g * g, args.alpha);
    double v = s[0];
    if (t.state[2]) {
      s[2] = mixed(s[2], g, args.alpha);
      v -= s[2] * s[2];
    }
    double u = g / (std::sqrt(v) + args.eps);
    if (t.state[1]) u = s[1] = args.momentum * s[1] + u;
    p -= args.lr * u;
  });
}

void adagrad(const AdagradArgs& args) {
  step(args, [&](const OptimizerTensor&, double& p, double g, double* s) {
    s[0] += g * g;
    p -= args.lr * g / (std::sqrt(s[0]) + args.eps);
  });
}

void adadelta(const AdadeltaArgs& args) {
  step(args, [&](const OptimizerTensor&, double& p, double g, double* s) {
    s[0] = mixed(s[0], g * g, args.rho);
    const double u = std::sqrt(s[1] + args.eps) / std::sqrt(s[0] + args.eps) * g;
    s[1] = mixed(s[1], u * u, args.rho);
    p -= args.lr * u;
  });
}

void adamax(const AdamaxArgs& args) {
  step(args, [&](const OptimizerTensor&, double& p, double g, double* s) {
    s[0] = mixed(s[0], g, args.beta1);
    s[1] = larger(args.beta2 * s[1], std::abs(g) + args.eps);
    p -= args.rate * s[0] / s[1];
  });
}

void nadam(const NadamArgs& args) {
  step(args, [&](const OptimizerTensor&, double& p, double g, double* s) {
    s[0] = mixed(s[0], g, args.beta1);
    s[1] = mixed(s[1], g * g, args.beta2);
    p -= (args.grad_rate * g + args.mean_rate * s[0]) / (std::sqrt(s[1] / args.bias_correction2) + args.eps);
  });
}

void radam(const RadamArgs& args) {
  step(args, [&](const OptimizerTensor&, double& p, double g, double* s) {
    s[0] = mixed(s[0], g, args.beta1);
    s[1] = mixed(s[1], g * g, args.beta2);
    p -= args.rate * s[0] / (args.adaptive ? std::sqrt(s[1]) + args.eps : 1);
  });
}

void lion(const LionArgs& args) {
  step(args, [&](const OptimizerTensor&, double& p, double g, double* s) {
    const double u = mixed(s[0], g, args.beta1);
    p -= args.lr * (u > 0 ? 1 : u < 0 ? -1 : u);
    s[0] = mixed(s[0], g, args.beta2);
  });
}

void muon_momentum(const MuonMomentumArgs& args) {
  step(args, [&](const OptimizerTensor&, double&, double g, double* s) {
    s[0] = mixed(s[0], g, args.momentum);
    s[1] = args.nesterov ? mixed(g, s[0], 1 - args.momentum) : s[0];
  });
}

void average(const AverageArgs& args) {
  step(args, [&](const OptimizerTensor&, double& p, double g, double*) { p = mixed(p, g, 1 - args.weight); });
}

void gradient_norm(const GradientNormArgs& args) {
  double total = 0;
  for_elements(args.list, [&](const OptimizerTensor& t, int64_t i) {
    const double g = std::abs(get(t.grad, args.list.dtype, i));
    switch (args.order) {
      case NormOrder::one: total += g; break;
      case NormOrder::two: total += g * g; break;
      case NormOrder::infinity: total = larger(g, total); break;
    }
  });
  *args.total = total;
}

void scale_gradients(const ScaleGradientsArgs& args) {
  for_elements(args.list, [&](const OptimizerTensor& t, int64_t i) {
    put(t.grad, args.list.dtype, i, get(t.grad, args.list.dtype, i) * args.scale);
  });
}

}  // namespace hotloop::reference
