// Naive optimizer steps: one element at a time, in double.
#include "kernels/args/optimizer.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

template <class F>
static void for_elements(const OptimizerList& list, F body) {
  for (int64_t t = 0; t < list.count; ++t)
    for (int64_t i = 0; i < list.tensors[t].n; ++i) body(list.tensors[t], i);
}

void sgd(const SgdArgs& args) {
  const DType dtype = args.list.dtype;
  for_elements(args.list, [&](const OptimizerTensor& t, int64_t i) {
    const double p = get(t.param, dtype, i);
    double g = get(t.grad, dtype, i) * (args.maximize ? -1 : 1) + args.weight_decay * p;
    if (args.momentum != 0) {
      const double buffer = t.first ? g : args.momentum * get(t.state1, dtype, i) + (1 - args.dampening) * g;
      put(t.state1, dtype, i, buffer);
      g = args.nesterov ? g + args.momentum * buffer : buffer;
    }
    put(t.param, dtype, i, p - args.lr * g);
  });
}

void adam(const AdamArgs& args) {
  const DType dtype = args.list.dtype;
  for_elements(args.list, [&](const OptimizerTensor& t, int64_t i) {
    double p = get(t.param, dtype, i);
    double g = get(t.grad, dtype, i) * (args.maximize ? -1 : 1);
    if (args.decoupled)
      p *= 1 - args.lr * args.weight_decay;
    else
      g += args.weight_decay * p;
    const double m = args.beta1 * get(t.state1, dtype, i) + (1 - args.beta1) * g;
    double v = args.beta2 * get(t.state2, dtype, i) + (1 - args.beta2) * g * g;
    put(t.state1, dtype, i, m);
    put(t.state2, dtype, i, v);
    if (args.amsgrad) {
      const double seen = get(t.max_state, dtype, i);
      v = v > seen || std::isnan(v) ? v : seen;
      put(t.max_state, dtype, i, v);
    }
    const double denominator = std::sqrt(v) / std::sqrt(t.bias_correction2) + args.eps;
    put(t.param, dtype, i, p - args.lr / t.bias_correction1 * m / denominator);
  });
}

void gradient_norm(const GradientNormArgs& args) {
  double sum = 0;
  for_elements(args.list, [&](const OptimizerTensor& t, int64_t i) {
    const double g = get(t.grad, args.list.dtype, i);
    sum += g * g;
  });
  *args.sum_of_squares = sum;
}

void scale_gradients(const ScaleGradientsArgs& args) {
  for_elements(args.list, [&](const OptimizerTensor& t, int64_t i) {
    put(t.grad, args.list.dtype, i, get(t.grad, args.list.dtype, i) * args.scale);
  });
}

}  // namespace hotloop::reference
