#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/matmul.h"
#include "ops/packed.h"

namespace hotloop::bindings {

namespace {

Activation activation_named(const std::string& name) {
  constexpr const char* names[] = {"none", "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"};
  for (int i = 0; i < 7; ++i)
    if (name == names[i]) return Activation(i);
  fail<ValueError>("linear_activation: activation must be none, relu, gelu, gelu_tanh, silu, tanh or sigmoid, got '%s'",
                   name.c_str());
}

Tensor linear_packed(const Tensor& x, const ops::PackedWeight* weight, const Tensor& bias,
                     const std::string& activation) {
  return ops::linear_packed(x, *weight, bias, activation_named(activation));
}

}  // namespace

void add_matmul_rows() {
  add_rows({
      HOTLOOP_OP(
          "matmul(input: Tensor, other: Tensor) -> Tensor", ops::matmul,
          "Matrix product of vectors, matrices or batches of them (..., M, K) x (..., K, N); batch dims broadcast."),
      HOTLOOP_OP("mm(input: Tensor, mat2: Tensor) -> Tensor", ops::mm, "Matrix product (M, K) x (K, N)."),
      HOTLOOP_OP("bmm(input: Tensor, mat2: Tensor) -> Tensor", ops::bmm,
                 "Batched matrix product (B, M, K) x (B, K, N)."),
      HOTLOOP_OP("mv(input: Tensor, vec: Tensor) -> Tensor", ops::mv, "Matrix (M, K) times vector (K)."),
      HOTLOOP_OP("dot(input: Tensor, tensor: Tensor) -> Tensor", ops::dot, "Inner product of two vectors (K)."),
      HOTLOOP_OP("outer(input: Tensor, vec2: Tensor) -> Tensor", ops::outer, "Outer product of vectors (M) and (N)."),
      HOTLOOP_OP("addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor",
                 ops::addmm, "beta * input + alpha * (mat1 @ mat2)."),
      HOTLOOP_OP("baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                 "-> Tensor",
                 ops::baddbmm, "beta * input + alpha * (batch1 @ batch2), batch by batch."),
      HOTLOOP_FUNCTION(
          "linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor",
          [](const Tensor& x, const Tensor& weight, const Tensor& bias) { return ops::linear(x, weight, bias); },
          "input (..., in) @ weight (out, in)^T + bias (out), in one kernel."),
      HOTLOOP_FUNCTION(
          "linear_activation(input: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor",
          [](const Tensor& x, const Tensor& weight, const Tensor& bias, const std::string& activation) {
            return ops::linear(x, weight, bias, activation_named(activation));
          },
          "linear() with an activation fused into its end: none, relu, gelu, gelu_tanh, silu, tanh, "
          "sigmoid."),
      HOTLOOP_FUNCTION("linear_packed(input: Tensor, weight: PackedWeight, bias: Tensor | None = None, "
                       "activation: str = 'none') -> Tensor",
                       linear_packed,
                       "linear_activation() with a weight packed beforehand; for inference, without a gradient."),
  });
}

}  // namespace hotloop::bindings
