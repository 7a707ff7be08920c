// The matrix products of one instruction set, as dispatch/matmul.cpp lists them.
#pragma once

#include "kernels/cpu/common/matmul_batch.h"
#include "kernels/cpu/common/matmul_dot.h"
#include "kernels/cpu/common/matmul_skinny.h"

namespace hotloop::HOTLOOP_ISA {

template <template <class> class FAMILY>
void run_dtype(const MatmulArgs& args) {
  switch (args.dtype) {
    case DType::f32: return run_batch<float, FAMILY<float>::run>(args);
    case DType::f64: return run_batch<double, FAMILY<double>::run>(args);
    case DType::bf16: return run_batch<bfloat16_t, FAMILY<bfloat16_t>::run>(args);
    case DType::f16: return run_batch<half_t, FAMILY<half_t>::run>(args);
    default: break;
  }
}

template <class S>
struct DotFamily {
  static void run(const Product<S>& p) { dot_product(p); }
};
template <class S>
struct SkinnyFamily {
  static void run(const Product<S>& p) { skinny_product(p); }
};
template <class S>
struct SmallFamily {
  static void run(const Product<S>& p) { small_product(p); }
};
template <class S>
struct BlockedFamily {
  static void run(const Product<S>& p) { blocked_product(p); }
};

void matmul_dot(const MatmulArgs& args) { run_dtype<DotFamily>(args); }
void matmul_skinny(const MatmulArgs& args) { run_dtype<SkinnyFamily>(args); }
void matmul_small(const MatmulArgs& args) { run_dtype<SmallFamily>(args); }
void matmul_blocked(const MatmulArgs& args) { run_dtype<BlockedFamily>(args); }

void matmul_pack(const PackArgs& args) {
  switch (args.dtype) {
    case DType::f32: return pack_matrix<float>(args);
    case DType::f64: return pack_matrix<double>(args);
    case DType::bf16: return pack_matrix<bfloat16_t>(args);
    case DType::f16: return pack_matrix<half_t>(args);
    default: break;
  }
}

}  // namespace hotloop::HOTLOOP_ISA
