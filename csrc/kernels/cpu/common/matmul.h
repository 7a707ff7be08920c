// The matrix products of one instruction set, as dispatch/matmul.cpp lists them.
#pragma once

#include "core/memory.h"
#include "kernels/cpu/common/matmul_blocks.h"
#include "kernels/cpu/common/matmul_dot.h"
#include "kernels/cpu/common/matmul_skinny.h"

namespace hotloop::HOTLOOP_ISA {

// Runs every product of the batch; small ones share threads by the batch.
template <class S, void (*PRODUCT)(const Product<S>&)>
void run_batch(const MatmulArgs& args) {
  if (args.batch_dims == 0) return PRODUCT(product_of<S>(args, 0));
  const int64_t count = batch_size(args);
  const int64_t work = larger<int64_t>(1, args.m * args.n * larger<int64_t>(args.k, 1));
  // Products too large to be chunks of the batch are cut inside.
  const bool by_batch = count > 1 && work < 4 * kChunkWork && count * work >= 4 * kChunkWork;
  const int64_t group = by_batch ? ceil_div(kChunkWork, work) : count;
  const auto body = [&](int64_t chunk) {
    for (int64_t i = chunk * group, end = smaller(count, i + group); i < end; ++i) PRODUCT(product_of<S>(args, i));
  };
  if (by_batch)
    for_chunks(ceil_div(count, group), body);
  else
    body(0);
}

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
struct BlockedFamily {
  static void run(const Product<S>& p) { blocked_product(p); }
};

void matmul_dot(const MatmulArgs& args) { run_dtype<DotFamily>(args); }
void matmul_skinny(const MatmulArgs& args) { run_dtype<SkinnyFamily>(args); }
void matmul_small(const MatmulArgs& args) {
  if (args.dtype == DType::f32)
    run_batch<float, small_product<float>>(args);
  else
    run_batch<double, small_product<double>>(args);
}
void matmul_blocked(const MatmulArgs& args) { run_dtype<BlockedFamily>(args); }

template <class S>
void pack_matrix(const PackArgs& args) {
  using T = Compute<S>;
  constexpr int64_t L = kLanes<T>;
  const int64_t all = vectors_of<T>(args.n);
  *args.bytes = all * L * args.k * int64_t(sizeof(T));
  if (!args.packed) return;
  Product<S> p{};
  p.n = args.n;
  p.k = args.k;
  p.b = static_cast<const S*>(args.b);
  p.b_k = args.b_row_stride;
  p.b_col = args.b_col_stride;
  for (int64_t pass = 0; pass < all; pass += kPassVectors) {
    const int64_t vectors = smaller(kPassVectors, all - pass);
    for (int64_t k = 0; k < p.k; k += kBlockDepth<T>) {
      T* to = static_cast<T*>(args.packed) + pass * L * p.k + k * vectors * L;
      const int64_t panels = ceil_div(vectors, kTileVectors), depth = smaller(kBlockDepth<T>, p.k - k);
      for_chunks(panels, [&](int64_t i) { pack_panels(to, p, pass, vectors, i, i + 1, k, depth); });
    }
  }
}

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
