// Naive bags of embeddings and their gradients, in double.
#include "kernels/args/embedding_bag.h"

#include <vector>

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

namespace {

struct Bag {
  std::vector<int64_t> positions;  // without padding
};

Bag bag_of(const EmbeddingBagArgs& args, int64_t b) {
  const int64_t each = args.bags ? args.n / args.bags : 0;
  const int64_t begin = args.offsets ? args.offsets[b] : b * each;
  const int64_t end = !args.offsets ? begin + each : b + 1 < args.bags ? args.offsets[b + 1] : args.n;
  Bag bag;
  for (int64_t p = begin; p < end; ++p)
    if (args.index[p] != args.padding) bag.positions.push_back(p);
  return bag;
}

double factor_of(const EmbeddingBagArgs& args, const Bag& bag, int64_t p) {
  if (args.factors) return get(args.factors, args.dtype, p);
  return args.mode == BagMode::mean ? 1 / double(bag.positions.size()) : 1;
}

}  // namespace

void embedding_bag(const EmbeddingBagArgs& args) {
  *args.bad_position = -1;
  for (int64_t p = 0; p < args.n; ++p)
    if (args.index[p] < 0 || args.index[p] >= args.rows) {
      *args.bad_position = p;
      return;
    }
  for (int64_t b = 0; b < args.bags; ++b) {
    const Bag bag = bag_of(args, b);
    for (int64_t c = 0; c < args.width; ++c) {
      double result = 0;
      int64_t largest = -1;
      for (const int64_t p : bag.positions) {
        const double x = get(args.weight, args.dtype, args.index[p] * args.width + c);
        if (args.mode != BagMode::max) {
          result += x * factor_of(args, bag, p);
        } else if (largest < 0 || x > result || (std::isnan(x) && !std::isnan(result))) {
          result = x;
          largest = args.index[p];
        }
      }
      put(args.out, args.dtype, b * args.width + c, result);
      if (args.mode == BagMode::max) args.largest[b * args.width + c] = largest;
    }
  }
}

void embedding_bag_backward(const EmbeddingBagArgs& args) {
  std::vector<double> grad(size_t(args.rows * args.width)), times(size_t(args.rows));
  for (int64_t b = 0; b < args.bags; ++b) {
    const Bag bag = bag_of(args, b);
    for (int64_t c = 0; c < args.width; ++c) {
      const int64_t at = b * args.width + c;
      const double g = get(args.grad_out, args.dtype, at);
      if (args.mode == BagMode::max && args.largest[at] >= 0) grad[size_t(args.largest[at] * args.width + c)] += g;
      if (args.mode != BagMode::max)
        for (const int64_t p : bag.positions)
          grad[size_t(args.index[p] * args.width + c)] += g * factor_of(args, bag, p);
    }
    for (const int64_t p : bag.positions) ++times[size_t(args.index[p])];
  }
  for (int64_t i = 0; i < args.rows * args.width; ++i) {
    const double often = times[size_t(i / args.width)];
    put(args.grad_weight, args.dtype, i, args.by_frequency && often > 0 ? grad[size_t(i)] / often : grad[size_t(i)]);
  }
}

void embedding_bag_factors_backward(const EmbeddingBagArgs& args) {
  for (int64_t p = 0; p < args.n; ++p) put(args.grad_factors, args.dtype, p, 0);
  for (int64_t b = 0; b < args.bags; ++b)
    for (const int64_t p : bag_of(args, b).positions) {
      double sum = 0;
      for (int64_t c = 0; c < args.width; ++c)
        sum += get(args.grad_out, args.dtype, b * args.width + c) *
               get(args.weight, args.dtype, args.index[p] * args.width + c);
      put(args.grad_factors, args.dtype, p, sum);
    }
}

}  // namespace hotloop::reference
