// Random numbers, from Philox: the same seed gives the same numbers on any device and any number of threads.
#pragma once

#include "core/random.h"
#include "ops/op.h"

namespace hotloop::ops {

// Each overwrites `out` from the generator's next numbers.
void uniform_(const Tensor& out, double low, double high, Generator& generator);
void normal_(const Tensor& out, double mean, double std, Generator& generator);
void randint_(const Tensor& out, int64_t low, int64_t high, Generator& generator);  // [low, high)
void bernoulli_(const Tensor& out, double p, Generator& generator);
// Distributions made from uniform and normal numbers.
void exponential_(const Tensor& out, double lambda, Generator& generator);
void geometric_(const Tensor& out, double p, Generator& generator);
void cauchy_(const Tensor& out, double median, double sigma, Generator& generator);
void log_normal_(const Tensor& out, double mean, double std, Generator& generator);
Tensor poisson(const Tensor& rate, Generator& generator);  // a mean for each element
Tensor bernoulli(const Tensor& p, Generator& generator);   // a probability for each element
// mean + std * standard normal numbers, in the broadcast shape.
Tensor normal(const Tensor& mean, const Tensor& std, Generator& generator);
// count indices drawn from each row of weights (n) or (rows, n).
Tensor multinomial(const Tensor& weights, int64_t count, bool replacement, Generator& generator);
Tensor randperm(int64_t n, DType dtype, Generator& generator);
// Zero with probability p, else x / (1 - p).
Tensor dropout(const Tensor& x, double p, bool training, Generator& generator);

}  // namespace hotloop::ops
