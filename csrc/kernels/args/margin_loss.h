// Losses that ask for a margin between classes: multi_margin_loss, and with several classes named a row
// multilabel_margin_loss. With Y the classes that a row names,
//   loss = sum over y in Y and c outside of Y of max(0, margin - x[y] + x[c])^p / classes
// A term that is NaN counts nothing. Arithmetic in f32 (f64 for f64). A row's results depend on that row only.
#pragma once

#include "core/dtype.h"

namespace hotloop {

namespace gpu {
struct Fault;
}

struct MarginLossArgs {
  DType dtype;                   // of x, loss and their gradients
  int64_t rows, classes, named;  // classes > 0
  bool squared;                  // p is 2, else 1
  double margin;
  const void* x;          // (rows, classes), contiguous
  const int64_t* target;  // (rows, named), contiguous: below `classes`; the first negative one ends a row's list
  void* loss;             // (rows); forward alone
  const void* grad_loss;  // (rows); backward alone, as the next
  void* grad_x;           // (rows, classes), overwritten
  // GPU: where a target is reported, in the name of `op`, that is below `least` or no class; it ends its row's list.
  gpu::Fault* gpu_fault;
  const char* op;
  int64_t least;  // 0, or -1 where lists may end
};

}  // namespace hotloop
