// A weight packed once for the instruction set that is active and multiplied many times: inference
// without the packing that each product of a plain weight pays for. On a GPU it is a copy that stays as it is: products
// there pay for no packing.
#pragma once

#include <optional>

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
  Device device() const { return copy_.defined() ? copy_.device() : Device{}; }
  int64_t bytes() const { return matrix_ ? matrix_->bytes() : copy_.numel() * int64_t(itemsize(dtype_)); }
  const dispatch::PackedMatrix& matrix() const { return *matrix_; }  // of the CPU
  const Tensor& copy() const { return copy_; }                       // of a GPU: (out, in), contiguous

 private:
  int64_t in_, out_;
  DType dtype_;
  std::optional<dispatch::PackedMatrix> matrix_;
  Tensor copy_;
};

// activation(x weight^T + bias); x (..., in), bias (out) or undefined. Has no gradient: x and bias must need none
// while gradients are recorded.
Tensor linear_packed(const Tensor& x, const PackedWeight& weight, const Tensor& bias, Activation activation);

}  // namespace hotloop::ops
