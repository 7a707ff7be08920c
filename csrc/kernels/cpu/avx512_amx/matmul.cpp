// bf16 by tiles: the products of 16 x 16 sums over 32 elements of k an instruction. All else is avx512's.
#include "kernels/cpu/avx512_amx/tile_skinny.h"
#include "kernels/cpu/common/matmul_batch.h"

namespace hotloop::HOTLOOP_ISA {

void matmul_skinny(const MatmulArgs& args) { run_batch<bfloat16_t, tile_skinny_product>(args); }
void matmul_blocked(const MatmulArgs& args) { run_batch<bfloat16_t, tile_product>(args); }
void matmul_pack(const PackArgs& args) { pack_panels_of_b(args); }

}  // namespace hotloop::HOTLOOP_ISA
