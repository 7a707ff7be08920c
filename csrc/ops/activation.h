// Activations that are made of other ops.
#pragma once

#include "core/random.h"
#include "ops/op.h"

namespace hotloop::ops {

Tensor selu(const Tensor& x);
void selu_(const Tensor& x);
// x where x > 0, weight x elsewhere; weight of one element, or one for each of x's channels (dim 1).
Tensor prelu_by_channel(const Tensor& x, const Tensor& weight);  // weight: one number, or one a channel
// Slopes on the left uniform in [lower, upper], or their mean where not training.
Tensor rrelu(const Tensor& x, double lower, double upper, bool training, Generator& generator);
Tensor glu(const Tensor& x, int64_t dim);  // a sigmoid(b) of the two halves along dim
Tensor softsign(const Tensor& x);          // x / (1 + |x|)
Tensor tanhshrink(const Tensor& x);        // x - tanh(x)
// softmax((logits + noise) / tau) with Gumbel noise; `hard`: one-hot, with the soft one's gradient.
Tensor gumbel_softmax(const Tensor& logits, double tau, bool hard, int64_t dim, Generator& generator);

}  // namespace hotloop::ops
