// Matrix products and what is made of one: mm, bmm, mv, dot, addmm, baddbmm, linear, outer.
#pragma once

#include <optional>
#include <string>
#include <vector>

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

// --- sums of products by named dims (csrc/ops/einsum.cpp) -------------------------------------------
Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands);
Tensor tensordot(const Tensor& a, const Tensor& b, const Dims& dims_a, const Dims& dims_b);

// --- products made of the above (csrc/ops/products.cpp) ---------------------------------------------
Tensor inner(const Tensor& a, const Tensor& b);
Tensor addmv(const Tensor& input, const Tensor& matrix, const Tensor& vector, double beta, double alpha);
Tensor addr(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha);
Tensor addbmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha);
Tensor kron(const Tensor& a, const Tensor& b);
Tensor cross(const char* op, const Tensor& a, const Tensor& b, std::optional<int64_t> dim);  // no dim: the first of 3
Tensor matrix_power(const Tensor& x, int64_t n);
Tensor multi_dot(const char* op, const std::vector<Tensor>& tensors);
Tensor chain_matmul(const std::vector<Tensor>& matrices);
Tensor vander(const Tensor& x, std::optional<int64_t> columns, bool increasing);
Tensor vander_of_vectors(const Tensor& x, std::optional<int64_t> columns, bool increasing);  // along the last dim

}  // namespace hotloop::ops
