// What steps derive from their number, counted from 1: on the host, or in a kernel where the number lies in the GPU's
// memory. Not for files of an instruction set: <cmath> has functions in it.
#pragma once

#include <cmath>

#include "kernels/args/host_device.h"
#include "kernels/args/optimizer.h"

namespace hotloop {

HOTLOOP_HOST_DEVICE inline double bias_correction(double beta, double step) { return 1 - std::pow(beta, step); }

// Each fills in what the arguments leave open; lr is known. mu_product: of NAdam's momenta before this step, then with it.
template <class Args>
HOTLOOP_HOST_DEVICE inline void set_step(Args&, double, double&) {}

HOTLOOP_HOST_DEVICE inline void set_step(AdamArgs& a, double step, double&) {
  a.bias_correction1 = bias_correction(a.beta1, step);
  a.bias_correction2 = bias_correction(a.beta2, step);
}

HOTLOOP_HOST_DEVICE inline void set_step(AdamaxArgs& a, double step, double&) {
  a.rate = a.lr / bias_correction(a.beta1, step);
}

// The momentum warms up (Dozat 2016): mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2).
HOTLOOP_HOST_DEVICE inline double nadam_momentum(const NadamArgs& a, double step) {
  return a.beta1 * (1 - 0.5 * std::pow(0.96, step * a.momentum_decay));
}
HOTLOOP_HOST_DEVICE inline void set_step(NadamArgs& a, double step, double& mu_product) {
  const double now = nadam_momentum(a, step), next = nadam_momentum(a, step + 1);
  mu_product *= now;
  a.grad_rate = a.lr * (1 - now) / (1 - mu_product);
  a.mean_rate = a.lr * next / (1 - mu_product * next);
  a.bias_correction2 = bias_correction(a.beta2, step);
}

HOTLOOP_HOST_DEVICE inline void set_step(RadamArgs& a, double step, double&) {
  const double correction2 = bias_correction(a.beta2, step);
  a.rate = a.lr / bias_correction(a.beta1, step);
  // The length of the average that the squares make up, at its longest and now; below 5 they are too few to divide by.
  const double longest = 2 / (1 - a.beta2) - 1;
  const double length = longest - 2 * step * std::pow(a.beta2, step) / correction2;
  a.adaptive = length > 5;
  if (a.adaptive)
    a.rate *= std::sqrt(correction2 * (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
}

}  // namespace hotloop
