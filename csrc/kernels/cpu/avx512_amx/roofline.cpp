#include "kernels/args/roofline.h"
#include "kernels/cpu/avx512_amx/tile.h"

namespace hotloop::HOTLOOP_ISA {

// Four tiles of sums, as in a product's blocks; zeros, so that no value ever is large, subnormal or NaN.
void peak_bf16(const ComputeArgs& args) {
  const TileScope scope;
  zero_tile<0>(), zero_tile<1>(), zero_tile<2>(), zero_tile<3>();
  zero_tile<4>(), zero_tile<5>(), zero_tile<6>(), zero_tile<7>();
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
