#include "kernels/args/roofline.h"
#include "kernels/cpu/avx512_amx/tile.h"

namespace hotloop::HOTLOOP_ISA {

// Four tiles of sums, as in a product's blocks. Operands as varied as a product's: zeros draw less power, and run at a
// clock that no product sees.
void peak_bf16(const ComputeArgs& args) {
  const TileScope scope;
  zero_tile<0>(), zero_tile<1>(), zero_tile<2>(), zero_tile<3>();
  // bf16 of either sign between 2^-3 and 2, by a multiplicative sequence.
  alignas(64) uint16_t operands[4 * kTileSide * kTileDepth];
  uint32_t state = 1;
  for (uint16_t& x : operands) {
    state = state * 1664525u + 1013904223u;
    x = uint16_t((state >> 16 & 0x8000u) | (0x3e00u + (state >> 20 & 0x1ffu)));
  }
  const char* tiles = (const char*)operands;
  load_tile<4>(tiles, 64), load_tile<5>(tiles + kTileBytes, 64);
  load_tile<6>(tiles + 2 * kTileBytes, 64), load_tile<7>(tiles + 3 * kTileBytes, 64);
  for (int64_t n = 0; n < args.iterations; ++n) {
    multiply_tiles<0, 4, 6>();
    multiply_tiles<1, 4, 7>();
    multiply_tiles<2, 5, 6>();
    multiply_tiles<3, 5, 7>();
  }
  float sums[kTileSide * kTileSide];
  store_tile<0>(sums, 64);
  *args.flops_per_iteration = 4.0 * 2 * kTileSide * kTileSide * kTileDepth;
  *args.sink = double(sums[0]);
}

}  // namespace hotloop::HOTLOOP_ISA
