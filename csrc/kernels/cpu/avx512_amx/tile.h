// The tile registers of AMX: eight, each of 16 rows of 64 bytes. Instructions are written as assembly that clobbers
// memory, since GCC's intrinsics let stores pass the loads of tiles that read them.
#pragma once

#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kTileSide = 16;       // rows of a tile; f32 or pairs of bf16 of a row
constexpr int64_t kTileDepth = 32;  // bf16 of a row: what one instruction multiplies along k
constexpr int64_t kTileBytes = 1024;
constexpr int kSumTiles = 4;  // registers: four of sums, then two of A, then two of B

// Tiles are whole 16 x 64 bytes while it lives, or those of sums and of A have fewer rows. What they hold belongs to the thread, and none is left behind: a thread
// with tiles in use costs 8 KB a context switch.
class TileScope {
 public:
  explicit TileScope(int rows = kTileSide) {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    for (int i = 0; i < 8; ++i)
      config.row_bytes[i] = 64, config.rows[i] = uint8_t(i < kSumTiles + 2 ? rows : kTileSide);
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
  ~TileScope() { asm volatile("tilerelease" ::: "memory"); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

template <int TILE>
inline void zero_tile() {
  asm volatile("tilezero %%tmm%c0" ::"i"(TILE));
}
// Rows are row_bytes apart.
template <int TILE>
inline void load_tile(const void* p, int64_t row_bytes) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(row_bytes), "i"(TILE) : "memory");
}
// The same for what is not read again soon: it does not take the place of others in L1.
template <int TILE>
inline void load_tile_once(const void* p, int64_t row_bytes) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(row_bytes), "i"(TILE) : "memory");
}
template <int TILE>
inline void store_tile(void* p, int64_t row_bytes) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(row_bytes), "i"(TILE) : "memory");
}
// sums += A·B over kTileDepth elements of k: A's rows hold k, B's rows pairs of k.
template <int SUMS, int A, int B>
inline void multiply_tiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(SUMS), "i"(A), "i"(B));
}

}  // namespace hotloop::HOTLOOP_ISA
