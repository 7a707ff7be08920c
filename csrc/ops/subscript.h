// A subscript taken apart: a basic view, then the index tensors on dims of that view. Private to csrc/ops.
#pragma once

#include "core/inline_vector.h"
#include "ops/indexing.h"

namespace hotloop::ops {

struct Subscript {
  Subscript(const Tensor& x, std::span<const IndexItem> items);

  // The basic part of every dim of x, and bit masks: dims of x that an integer drops, dims of the view that are new.
  struct Basic {
    explicit Basic(const Tensor& x)
        : starts(Dims::filled(x.ndim(), 0)), sizes(x.sizes()), steps(Dims::filled(x.ndim(), 1)) {}
    void pick(int dim, int64_t index) {
      starts[dim] = index;
      sizes[dim] = 1;
      dropped |= 1u << dim;
    }
    Dims starts, sizes, steps;
    uint32_t dropped = 0, added = 0;
  } basic;
  bool whole = true;  // the view is x itself

  // Index tensors, all of integers: masks became the coordinates of their nonzero elements.
  InlineVector<Tensor, 2> lists;
  struct Place {
    int8_t dim;    // of the view
    int8_t named;  // of x, for messages
  };
  InlineVector<Place, 2> places;
};

Tensor basic_view(const Tensor& x, const Subscript::Basic& basic);

}  // namespace hotloop::ops
