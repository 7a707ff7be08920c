// A weight packed once for the instruction set that is active and multiplied many times: inference
// without the packing that each product of a plain weight pays for.
#pragma once

#include "dispatch/matmul.h"
#include "kernels/args/matmul.h"
#include "ops/op.h"

namespace hotloop::ops {

class PackedWeight {
 public:
  explicit PackedWeight(const Tensor& weight);  // (out, in), floating; copied, so later writes to it don't count
  int64_t in_features() const { return in_; }
  int64_t out_features() const { return out_; }
  DType dtype() const { return dtype_; }
  int64_t bytes() const { return matrix_.bytes(); }
  const dispatch::PackedMatrix& matrix() const { return matrix_; }

 private:
  int64_t in_, out_;
  DType dtype_;
  dispatch::PackedMatrix matrix_;
};

// activation(x weight^T + bias); x (..., in), bias (out) or undefined. Has no gradient: x and bias must need none
// while gradients are recorded.
Tensor linear_packed(const Tensor& x, const PackedWeight& weight, const Tensor& bias, Activation activation);

}  // namespace hotloop::ops
