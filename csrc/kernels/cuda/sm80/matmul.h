// What the product kernels of matmul.cu (by one multiply-add at a time) and matmul_mma.cu (tensor cores) share: which
// tile of which product a block has, and the epilogue. Never run on a GPU yet.
//
// An element is one sum over k in ascending steps of a tile, whatever m, n, the batch and the other tiles: a row's bits
// do not depend on what it is computed with.
#pragma once

#include "kernels/args/matmul.h"
#include "kernels/cuda/common/block.h"
#include "kernels/cuda/common/elements.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

// Tiles go down columns of this many rows of tiles, so that blocks running together share B in L2.
constexpr int kTileRowsTogether = 8;

// A block's tile and where the operands of its product begin, in elements.
struct MatmulPlace {
  int64_t row, column;  // of the tile, in elements of out
  int64_t a = 0, b = 0, out = 0, bias = 0, residual = 0;
};

template <int kRows, int kColumns>
__device__ __forceinline__ MatmulPlace place_of(const MatmulArgs& args) {
  const int64_t tile_rows = (args.m + kRows - 1) / kRows, tile_columns = (args.n + kColumns - 1) / kColumns;
  const int64_t tiles = tile_rows * tile_columns, block = blockIdx.x;
  int64_t index = block / tiles;
  const int64_t tile = block - index * tiles;
  const int64_t strip = tile / (kTileRowsTogether * tile_columns), first = strip * kTileRowsTogether;
  const int64_t height = first + kTileRowsTogether < tile_rows ? kTileRowsTogether : tile_rows - first;
  const int64_t inside = tile - first * tile_columns;
  MatmulPlace place;
  place.column = inside / height * kColumns;
  place.row = (first + inside % height) * kRows;
  for (int d = args.batch_dims - 1; d >= 0; --d) {
    const int64_t i = index % args.batch[d];
    index /= args.batch[d];
    place.a += i * args.a_batch_stride[d];
    place.b += i * args.b_batch_stride[d];
    place.out += i * args.out_batch_stride[d];
    place.bias += i * args.bias_batch_stride[d];
    place.residual += i * args.residual_batch_stride[d];
  }
  return place;
}

// The number of blocks for all tiles of all products.
template <int kRows, int kColumns>
unsigned matmul_blocks(const MatmulArgs& args) {
  int64_t batch = 1;
  for (int d = 0; d < args.batch_dims; ++d) batch *= args.batch[d];
  const int64_t blocks = (args.m + kRows - 1) / kRows * ((args.n + kColumns - 1) / kColumns) * batch;
  if (blocks > INT32_MAX)
    fail<ValueError>("matmul: %lld products of %lld x %lld are more tiles than a grid has blocks",
                     static_cast<long long>(batch), static_cast<long long>(args.m), static_cast<long long>(args.n));
  return unsigned(blocks);
}

template <class W>
__device__ __forceinline__ W activate(W x, Activation activation) {
  if constexpr (std::is_floating_point_v<W>) {
    switch (activation) {
      case Activation::none: return x;
      case Activation::relu: return math::relu(x);
      case Activation::gelu: return math::gelu(x);
      case Activation::gelu_tanh: return math::gelu_tanh(x);
      case Activation::silu: return x * math::sigmoid(x);
      case Activation::tanh: return math::tanh(x);
      case Activation::sigmoid: return math::sigmoid(x);
    }
  } else if (activation == Activation::relu) {
    return int64_t(x) < 0 ? W(0) : x;
  }
  return x;
}

// out[row, column] from the sum: t = alpha sum + bias, out = activation(t) + beta residual.
template <class T, class W>
__device__ __forceinline__ void finish(const MatmulArgs& args, const MatmulPlace& place, int64_t row, int64_t column,
                                       W sum) {
  if (row >= args.m || column >= args.n) return;
  const auto number = [](double x) {
    if constexpr (std::is_floating_point_v<W>) {
      return W(x);
    } else {
      return W(int64_t(x));
    }
  };
  W t;
  if (args.bias) {
    const T* const bias = static_cast<const T*>(args.bias) + place.bias;
    const W added = convert<W>(bias[row * args.bias_row_stride + column * args.bias_col_stride]);
    if constexpr (std::is_floating_point_v<W>) {
      t = ::fma(number(args.alpha), sum, added);
    } else {
      t = number(args.alpha) * sum + added;
    }
  } else {
    t = number(args.alpha) * sum;
  }
  t = activate(t, args.activation);
  if (args.residual) {
    const T* const residual = static_cast<const T*>(args.residual) + place.residual;
    const W added = convert<W>(residual[row * args.residual_row_stride + column * args.residual_col_stride]);
    if constexpr (std::is_floating_point_v<W>) {
      t = ::fma(number(args.beta), added, t);
    } else {
      t += number(args.beta) * added;
    }
  }
  T* const out = static_cast<T*>(args.out) + place.out;
  if constexpr (std::is_same_v<T, bool>) {
    out[row * args.out_row_stride + column] = t != W(0);
  } else {
    out[row * args.out_row_stride + column] = convert<T>(t);
  }
}

}  // namespace hotloop::sm80
