// What the entry points of every instruction set share: the loop over the batch, and packing a matrix B once.
#pragma once

#include "kernels/cpu/common/matmul_blocks.h"

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
    const int64_t end = smaller(count, (chunk + 1) * group);
    Product<S> next = product_of<S>(args, chunk * group);
    for (int64_t i = chunk * group; i < end; ++i) {
      Product<S> p = next;
      if (i + 1 < end) {
        next = product_of<S>(args, i + 1);
        // An operand with gaps, or that stays, is at most fetched in vain.
        if (next.a != p.a) p.next_a = {(const char*)next.a, p.m * p.k * int64_t(sizeof(S))};
        if (next.b != p.b) p.next_b = {(const char*)next.b, p.k * p.n * int64_t(sizeof(S))};
        p.next_out = {(const char*)next.out, p.m * p.n * int64_t(sizeof(S))};
      }
      PRODUCT(p);
    }
  };
  if (by_batch)
    for_chunks(ceil_div(count, group), body);
  else
    body(0);
}

template <class S, class O = Compute<S>>
void pack_matrix(const PackArgs& args) {
  constexpr int64_t L = kLanes<O>, kDepth = kBlockDepth<O> * kStep<O>;
  const int64_t all = vectors_of<O>(args.n), steps = ceil_div(args.k, kStep<O>);
  *args.bytes = all * L * steps * int64_t(sizeof(O));
  if (!args.packed) return;
  Product<S> p{};
  p.n = args.n;
  p.k = args.k;
  p.b = static_cast<const S*>(args.b);
  p.b_k = args.b_row_stride;
  p.b_col = args.b_col_stride;
  for (int64_t pass = 0; pass < all; pass += kPassVectors<O>) {
    const int64_t vectors = smaller(kPassVectors<O>, all - pass), panels = ceil_div(vectors, kTileVectors);
    for (int64_t k = 0; k < p.k; k += kDepth) {
      O* to = static_cast<O*>(args.packed) + pass * L * steps + k / kStep<O> * vectors * L;
      const int64_t depth = smaller(kDepth, p.k - k);
      for_chunks(panels, [&](int64_t i) { pack_panels(to, p, pass, vectors, i, i + 1, k, depth); });
    }
  }
}

}  // namespace hotloop::HOTLOOP_ISA
