// A tiled product on the tensor cores: tiles of 32 x 32, 32 deep, in two buffers that cp.async fills in turn.
#include "kernels.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/ptx.h"

namespace mutants {

using namespace hotloop;
using namespace hotloop::cuda;

namespace {

constexpr int kTile = 32, kThreads = 128, kPiece = 8;  // elements of one cp.async
constexpr int kStride = kTile + kPiece;                // of a tile's rows: no two rows of a matrix share a bank

struct Tiles {
  bfloat16_t a[2][kTile][kStride], b[2][kTile][kStride];
};

// Rows `row` to row + 31, columns `column` to column + 31 of a matrix of rows x columns; what is beyond it is zero.
__device__ void load_tile(bfloat16_t (&tile)[kTile][kStride], const bfloat16_t* x, int row, int column, int rows,
                          int columns, int stride) {
  const int r = int(threadIdx.x) / 4, c = int(threadIdx.x) % 4 * kPiece;
  int valid = max(0, min(kPiece, columns - (column + c)));
  if (row + r >= rows) valid = 0;
  cp_async<16>(&tile[r][c], x + int64_t(row + r) * stride + column + c, valid * int(sizeof(bfloat16_t)));
}

__global__ void __launch_bounds__(kThreads)
    matmul_kernel(const bfloat16_t* a, const bfloat16_t* b, float* out, int m, int n, int k, int lda, int ldb) {
  SHARED(Tiles, tiles);
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int row = int(blockIdx.y) * kTile, column = int(blockIdx.x) * kTile;
  const int warp_row = warp / 2 * 16, warp_column = warp % 2 * 16;
  float sums[2][4] = {};

  load_tile(tiles.a[0], a, row, 0, m, k, lda);
  load_tile(tiles.b[0], b, 0, column, k, n, ldb);
  cp_async_commit();
  for (int begin = 0; begin < k; begin += kTile) {
    const int buffer = begin / kTile % 2;
    if (begin + kTile < k) {
      load_tile(tiles.a[1 - buffer], a, row, begin + kTile, m, k, lda);
      load_tile(tiles.b[1 - buffer], b, begin + kTile, column, k, n, ldb);
    }
    cp_async_commit();
    cp_async_wait<1>();
    __syncthreads();
    for (int depth = 0; depth < kTile; depth += 16) {
      uint32_t fa[4], fb[4];
      ldmatrix_x4(fa, &tiles.a[buffer][warp_row + lane % 16][depth + lane / 16 * 8]);
      ldmatrix_x4_trans(fb, &tiles.b[buffer][depth + lane % 16][warp_column + lane / 16 * 8]);
      const uint32_t left[2] = {fb[0], fb[1]}, right[2] = {fb[2], fb[3]};
      mma_m16n8k16<bfloat16_t>(sums[0], fa, left);
      mma_m16n8k16<bfloat16_t>(sums[1], fa, right);
    }
    __syncthreads();
  }
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) {
      const int r = row + warp_row + lane / 4 + i / 2 * 8, c = column + warp_column + half * 8 + lane % 4 * 2 + i % 2;
      if (r < m && c < n) out[int64_t(r) * n + c] = sums[half][i];
    }
  }
}

}  // namespace

void matmul(const bfloat16_t* a, const bfloat16_t* b, float* out, int m, int n, int k, int lda, int ldb) {
  const dim3 grid(unsigned((n + kTile - 1) / kTile), unsigned((m + kTile - 1) / kTile));
  launch(nullptr, grid, kThreads, 0, matmul_kernel, a, b, out, m, n, k, lda, ldb);
}

}  // namespace mutants
