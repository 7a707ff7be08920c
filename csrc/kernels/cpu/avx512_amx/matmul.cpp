// bf16 by tiles: the products of 16 x 16 sums over 32 elements of k an instruction. All else is avx512's.
#include "kernels/cpu/avx512_amx/tile_rows.h"
#include "kernels/cpu/avx512_amx/tile_skinny.h"
#include "kernels/cpu/common/matmul_batch.h"

namespace hotloop::HOTLOOP_ISA {

// Against tiles, whose speed is that of packing: 1.4 times with two rows, 1.2 with five, 0.9 to 1.1 with six.
static void few_rows(const Product<bfloat16_t>& p) {
  switch (p.m) {
    case 1: return tile_rows_product<1>(p);
    case 2: return tile_rows_product<2>(p);
    case 3: return tile_rows_product<3>(p);
    case 4: return tile_rows_product<4>(p);
    case 5: return tile_rows_product<5>(p);
    default: return tile_skinny_product(p);
  }
}

void matmul_skinny(const MatmulArgs& args) { run_batch<bfloat16_t, few_rows>(args); }
void matmul_blocked(const MatmulArgs& args) { run_batch<bfloat16_t, tile_product>(args); }
void matmul_pack(const PackArgs& args) { pack_panels_of_b(args); }

}  // namespace hotloop::HOTLOOP_ISA
