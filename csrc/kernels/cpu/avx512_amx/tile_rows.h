// One to five rows times a large row-major B without tile registers, at memory speed, with the bits that tiles give:
// per step of 32 rows of B the even and the odd ones are chains of fused multiply-adds from zero, whose sums are added
// to each other and then to the sum so far (kernels/args/matmul.h). B is read once and never rearranged: a line of it
// is 32 columns, the even ones in the low halves of words, the odd ones in the high halves.
#pragma once

#include "kernels/cpu/avx512_amx/tile_blocks.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kLineColumns = 2 * kTileSide;
// Columns of B a chunk: their sums stay in L2 while its rows are read in runs of 8 KB.
constexpr int64_t kChainColumns = 4096;

// Subnormal numbers count as zero while it lives, as in tiles.
class FlushScope {
 public:
  FlushScope() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero); }
  ~FlushScope() { _mm_setcsr(saved_); }
  FlushScope(const FlushScope&) = delete;
  FlushScope& operator=(const FlushScope&) = delete;

 private:
  static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  unsigned saved_;
};

// chain[c][i] = sum over the rows q = first, first + 2, ... below `depth` of B of a[q][i] * line[q][2 j + c], in lane j;
// the line has `columns` columns.
template <int ROWS>
inline void add_chain(const float* a, const bfloat16_t* line, int64_t b_k, int64_t first, int64_t depth, int columns,
                      f32v (&chain)[2][ROWS]) {
#pragma GCC unroll 4
  for (int64_t q = first; q < depth; q += 2) {
    const auto* words = reinterpret_cast<const uint16_t*>(line + q * b_k);
    const u32v pairs = (u32v)(columns < kLineColumns ? load_partial(words, columns) : load(words));
    const f32v even = (f32v)(pairs << 16), odd = (f32v)(pairs & 0xffff0000u);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      const f32v x = broadcast_operand(a[q * ROWS + i]);
      chain[0][i] = fma(x, even, chain[0][i]);
      chain[1][i] = fma(x, odd, chain[1][i]);
    }
  }
}

// sums[c][i] += the chain over even rows + that over odd rows, of `depth` <= 32 rows of B.
template <int ROWS>
inline void add_step(const float* a, const bfloat16_t* line, int64_t b_k, int64_t depth, int columns, float* sums) {
  f32v even[2][ROWS] = {}, odd[2][ROWS] = {};
  add_chain<ROWS>(a, line, b_k, 0, depth, columns, even);
  add_chain<ROWS>(a, line, b_k, 1, depth, columns, odd);
#pragma GCC unroll 2
  for (int c = 0; c < 2; ++c) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      float* sum = sums + (c * ROWS + i) * kTileSide;
      store(sum, load(sum) + (even[c][i] + odd[c][i]));
    }
  }
}

// Even and odd columns to the first and the last sixteen of a line.
inline void order_columns(float* even, float* odd) {
  const f32v x = load(even), y = load(odd);
  store(even, __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  store(odd, __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}

template <int ROWS>
void tile_rows_product(const Product<bfloat16_t>& p) {
  constexpr int64_t L = kTileSide;
  Workspace a_room(size_t(p.k * ROWS) * sizeof(float));
  float* a = static_cast<float*>(a_room.data());
  for (int64_t q = 0; q < p.k; ++q)
    for (int64_t i = 0; i < ROWS; ++i) a[q * ROWS + i] = to_compute(p.a[i * p.a_row + q * p.a_k]);
  for_chunks(ceil_div(p.n, kChainColumns), [&](int64_t chunk) {
    const int64_t begin = chunk * kChainColumns, columns = smaller(kChainColumns, p.n - begin);
    const size_t bytes = size_t(ceil_div(columns, kLineColumns) * 2 * ROWS) * kVectorBytes;
    Workspace room(bytes);
    float* sums = static_cast<float*>(room.data());  // (lines, even and odd columns, rows, 16)
    const auto sums_at = [&](int64_t column) { return sums + column / L * ROWS * L; };
    __builtin_memset(sums, 0, bytes);
    {
      const FlushScope scope;
      for (int64_t k = 0; k < p.k; k += kTileDepth) {
        const bfloat16_t* b = p.b + k * p.b_k + begin;
        const int64_t depth = smaller(kTileDepth, p.k - k);
        int64_t j = 0;
        for (; j + kLineColumns <= columns; j += kLineColumns)
          add_step<ROWS>(a + k * ROWS, b + j, p.b_k, depth, kLineColumns, sums_at(j));
        if (j < columns) add_step<ROWS>(a + k * ROWS, b + j, p.b_k, depth, int(columns - j), sums_at(j));
      }
    }
    for (int64_t j = 0; j < columns; j += kLineColumns)
      for (int64_t i = 0; i < ROWS; ++i) order_columns(sums_at(j) + i * L, sums_at(j + L) + i * L);
    finish(p.epilogue, 0, begin, ROWS, columns, sums, L, ROWS * L, p.out, p.out_row);
  });
}

}  // namespace hotloop::HOTLOOP_ISA
