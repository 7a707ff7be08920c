// Selection by mask (kernels/args/index.h).
#pragma once

#include "kernels/cpu/common/index.h"

namespace hotloop::HOTLOOP_ISA {

void count_mask(const MaskArgs& args) {
  const int64_t chunks = (args.n + kMaskChunk - 1) / kMaskChunk;
  args.offsets[0] = 0;
  const uint8_t* mask = reinterpret_cast<const uint8_t*>(args.mask);
  const auto count = [&](int64_t chunk) {
    const int64_t end = smaller((chunk + 1) * kMaskChunk, args.n);
    int64_t total = 0;
    for (int64_t i = chunk * kMaskChunk; i < end;) {
      uint8_t few = 0;  // of at most 255 elements: sums in bytes
      for (const int64_t stop = smaller(i + 255, end); i < stop; ++i) few = uint8_t(few + (mask[i] != 0));
      total += few;
    }
    args.offsets[chunk + 1] = total;
  };
  if (chunks > 0) for_chunks(chunks, count);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) args.offsets[chunk + 1] += args.offsets[chunk];
}

// Runs body(i, k) for the k-th set element i, chunk by chunk.
template <class F>
inline void for_set_elements(const MaskArgs& args, F body) {
  const int64_t chunks = (args.n + kMaskChunk - 1) / kMaskChunk;
  if (chunks == 0) return;
  for_chunks(chunks, [&](int64_t chunk) {
    int64_t k = args.offsets[chunk];
    const int64_t last = args.offsets[chunk + 1];
    // Every element is written and only set ones advance: no branch on the mask.
    for (int64_t i = chunk * kMaskChunk; k < last; ++i) {
      body(i, k);
      k += args.mask[i];
    }
  });
}

void mask_select(const MaskArgs& args) {
  with_bits(args.dtype, [&]<class U>(U) {
    U* const out = static_cast<U*>(args.out);
    const U* const x = static_cast<const U*>(args.x);
    for_set_elements(args, [=](int64_t i, int64_t k) { out[k] = x[i]; });
  });
}

void mask_nonzero(const MaskArgs& args) {
  if (args.ndim == 0) return;
  // Flat positions first, into the last column of each row; then the coordinates.
  const int ndim = args.ndim;
  for_set_elements(args, [=, indices = args.indices](int64_t i, int64_t k) { indices[k * ndim + ndim - 1] = i; });
  if (ndim == 1) return;
  const int64_t count = args.offsets[(args.n + kMaskChunk - 1) / kMaskChunk];
  const int64_t chunks = (count + kMaskChunk - 1) / kMaskChunk;
  if (chunks == 0) return;
  for_chunks(chunks, [&](int64_t chunk) {
    for (int64_t k = chunk * kMaskChunk; k < smaller((chunk + 1) * kMaskChunk, count); ++k) {
      int64_t* row = args.indices + k * ndim;
      int64_t position = row[ndim - 1];
      for (int d = ndim - 1; d > 0; --d) {
        row[d] = position % args.sizes[d];
        position /= args.sizes[d];
      }
      row[0] = position;
    }
  });
}

}  // namespace hotloop::HOTLOOP_ISA
