// Matrix products and what is made of one: mm, bmm, mv, dot, addmm, baddbmm, linear, outer.
#pragma once

#include "kernels/args/matmul.h"
#include "ops/op.h"

namespace hotloop::ops {

// The product of two tensors as PyTorch's matmul defines it: vectors, matrices, broadcast batches.
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor mm(const Tensor& a, const Tensor& b);   // (m, k) x (k, n)
Tensor bmm(const Tensor& a, const Tensor& b);  // (batch, m, k) x (batch, k, n)
Tensor mv(const Tensor& a, const Tensor& v);   // (m, k) x (k)
Tensor dot(const Tensor& a, const Tensor& b);  // (k) x (k)
Tensor outer(const Tensor& a, const Tensor& b);

// beta * input + alpha * (a x b); input broadcasts to the product.
Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha);
Tensor baddbmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha);

// activation(x weight^T + bias); x (..., in), weight (out, in) or (in), bias (out) or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation = Activation::none);

}  // namespace hotloop::ops
