// bf16 by dot products of pairs: twice the multiply-adds an instruction of f32. All else is avx512's.
#include "kernels/cpu/common/matmul_batch.h"
#include "kernels/cpu/common/matmul_skinny.h"

namespace hotloop::HOTLOOP_ISA {

void matmul_skinny(const MatmulArgs& args) { run_batch<bfloat16_t, skinny_product<bfloat16_t, Pair>>(args); }
void matmul_small(const MatmulArgs& args) { run_batch<bfloat16_t, small_product<bfloat16_t, Pair>>(args); }
void matmul_blocked(const MatmulArgs& args) { run_batch<bfloat16_t, blocked_product<bfloat16_t, Pair>>(args); }
void matmul_pack(const PackArgs& args) { pack_matrix<bfloat16_t, Pair>(args); }

}  // namespace hotloop::HOTLOOP_ISA
