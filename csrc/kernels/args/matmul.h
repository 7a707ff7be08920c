// Matrix products: out = activation(alpha * A·B + bias) + beta * residual, for every batch index.
//
//   A (m, k), B (k, n): any strides, zero and negative ones too. out (m, n): unit column stride.
//   bias, residual (m, n): any strides; zero strides broadcast. residual may be out itself (then the
//   product accumulates); out overlaps no other operand.
//
// THE ONE CHAIN. An element of A·B is one sequential chain of fused multiply-adds over k = 0 .. k-1,
// begun at zero, in every path: tiny, skinny, large, packed, any tile, any thread count, AVX2 and
// AVX-512. So all paths give the same bits, a row's result does not depend on m, nor a matrix's on
// the batch. A chain is cut only between blocks of k, where the partial sum is kept unrounded.
//   - f32 and f64 chains are in their own type; bf16 and f16 chains are in f32, rounded once at the end.
//   - bf16 where the CPU has dot-product instructions: one chain over pairs of k (kernel names say bf16dot).
//   - bf16 where the CPU multiplies tiles (kernel names say tiles): k in steps of 32. The even and the odd elements of
//     a step are two chains from zero; they are added, then added to the sum of the steps before.
//   - Both take subnormal operands, sums and results as zero: the instructions do.
//   - n == 1 with A's rows contiguous (dot products): 64 partial chains in f32, 32 in f64, chain l taking
//     k = l, l + 64, ...; then halves are added, l to l + 32, l to l + 16, and so on; for every row alike.
//   - baseline, without fused multiply-add, rounds the product too.
// The epilogue works in the chain's type: t = alpha * sum, or fma(alpha, sum, bias); t = activation(t);
// out = t, or fma(beta, residual, t). It reads bias and residual only where their pointers are set.
// GPUs: one sum over k in ascending steps of the tensor cores' depth, rounded as they do, for f16, bf16, and f32 where
// tf32 is allowed (dispatch/matmul.h), whose operands are rounded to 10 bits of fraction; else the one chain.
// The reference sums f32, bf16 and f16 in double, and is the only kernel of integers.
//
// Kernels take scratch memory from Workspace. How they split work may follow the number of threads: no element's chain does.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop {

enum class Activation : uint8_t { none, relu, gelu, gelu_tanh, silu, tanh, sigmoid };

constexpr int kMatmulBatchDims = 4;

struct MatmulArgs {
  DType dtype = DType::f32;  // of a, b, bias, residual and out
  Activation activation = Activation::none;
  int batch_dims = 0;  // outermost first; 0 for one product
  int64_t m = 0, n = 0, k = 0;

  const void* a = nullptr;
  int64_t a_row_stride = 0, a_col_stride = 0;
  const void* b = nullptr;  // or nullptr, and packed_b
  int64_t b_row_stride = 0, b_col_stride = 0;
  const void* packed_b = nullptr;  // one matrix for the whole batch, packed by the instruction set that runs
  void* out = nullptr;
  int64_t out_row_stride = 0;

  double alpha = 1;
  const void* bias = nullptr;
  int64_t bias_row_stride = 0, bias_col_stride = 0;
  double beta = 1;
  const void* residual = nullptr;
  int64_t residual_row_stride = 0, residual_col_stride = 0;

  // Strides of zero broadcast an operand over a batch dim.
  int64_t batch[kMatmulBatchDims] = {};
  int64_t a_batch_stride[kMatmulBatchDims] = {};
  int64_t b_batch_stride[kMatmulBatchDims] = {};
  int64_t out_batch_stride[kMatmulBatchDims] = {};
  int64_t bias_batch_stride[kMatmulBatchDims] = {};
  int64_t residual_batch_stride[kMatmulBatchDims] = {};
};

// B rearranged once, to be multiplied many times (dispatch/matmul.h). Its layout is the kernels' own and
// differs between instruction sets.
struct PackArgs {
  DType dtype = DType::f32;
  int64_t n = 0, k = 0;
  const void* b = nullptr;
  int64_t b_row_stride = 0, b_col_stride = 0;
  void* packed = nullptr;  // 64-byte aligned; nullptr: only the size is asked for
  int64_t* bytes = nullptr;
};

}  // namespace hotloop
