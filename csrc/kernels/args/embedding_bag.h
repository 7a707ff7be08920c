// Bags of rows of a table: out[b] is the sum, mean or maximum of weight[index[p]] over the positions p of bag b, and 0 where
// there is none. All operands are contiguous. Sums go in the order of positions, in f32 (f64 for f64).
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop::gpu {
struct Fault;
}

namespace hotloop {

enum class BagMode : uint8_t { sum, mean, max };

struct EmbeddingBagArgs {
  DType dtype;  // floating: of weight, factors, out and their gradients
  BagMode mode;
  int64_t rows, width;     // of weight
  int64_t n, bags;         // positions
  const int64_t* index;    // (n), in [0, rows)
  const int64_t* offsets;  // (bags): where each begins, ascending from 0 to n at most; null: n / bags positions each
  int64_t padding;         // positions of this row take no part; -1: none
  const void* weight;      // (rows, width)
  const void* factors;     // sum only: (n), what each row is multiplied by; may be null
  // Forward. max: `largest` (bags, width) are the rows that the elements of out are of; -1 where there is none. The first
  // of equal ones, the first NaN.
  void* out;  // (bags, width)
  int64_t* largest;
  int64_t* bad_position;  // CPU: the first whose index is out of range, or -1; where there is one, nothing is written
  gpu::Fault*
      gpu_fault;  // GPU: where that is reported instead, and offsets out of range; such positions are passed over
  // Backward, of grad_out (bags, width). embedding_bag_backward: grad_weight (rows, width) is overwritten, reading no weight;
  // by_frequency: each row's is divided by how often the row is looked up. embedding_bag_factors_backward: grad_factors (n).
  const void* grad_out;
  void* grad_weight;
  void* grad_factors;
  bool by_frequency;
};

}  // namespace hotloop
