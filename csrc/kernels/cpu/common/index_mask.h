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

// Runs body(i, k, last) for each chunk: its first element, and the set elements before it and up to its end.
template <class F>
inline void for_mask_chunks(const MaskArgs& args, F body) {
  const int64_t chunks = (args.n + kMaskChunk - 1) / kMaskChunk;
  if (chunks == 0) return;
  for_chunks(chunks, [&](int64_t chunk) { body(chunk * kMaskChunk, args.offsets[chunk], args.offsets[chunk + 1]); });
}

constexpr int kMaskRun = 64;       // as many unset elements are passed over at once
constexpr int kSparseShare = 256;  // from one set element in so many on that beats compressing whole vectors

inline bool is_unset(const bool* mask) {
  Vec<uint8_t> some{};
  for (int j = 0; j < kMaskRun; j += kVectorBytes) some |= load((const uint8_t*)mask + j);
  return !any(some);
}

inline bool is_sparse(int64_t set) { return set < kMaskChunk / kSparseShare; }  // in a chunk

// put(k, i) of the elements from i on, k set ones before each, up to the last set one. Every element is put and only set
// ones advance: no branch on the mask, but on runs of unset ones.
template <class F>
inline void put_chosen(const MaskArgs& args, int64_t i, int64_t k, int64_t last, F put) {
  while (k < last) {
    if (i + kMaskRun <= args.n && is_unset(args.mask + i)) {
      i += kMaskRun;
      continue;
    }
    for (const int64_t run = i + kMaskRun; i < run && k < last;) {
      uint64_t eight = 1;
      if (i + 8 <= args.n) __builtin_memcpy(&eight, args.mask + i, 8);
      if (eight == 0) {
        i += 8;
        continue;
      }
      for (const int64_t stop = i + 8; i < stop && k < last; ++i) {
        put(k, i);
        k += args.mask[i];
      }
    }
  }
}

#if defined(__AVX512F__)
// Vectors of elements from i on, their set ones to out[k ...] while whole vectors fit below out[last]; i and k move on.
template <class U>
inline void compress(const MaskArgs& args, int64_t& i, int64_t& k, int64_t last) {
  constexpr int lanes = 64 / int(sizeof(U));
  U* const out = static_cast<U*>(args.out);
  const U* const x = static_cast<const U*>(args.x);
  for (; k + lanes <= last; i += lanes) {
    const __m512i v = _mm512_loadu_si512(x + i);
    if constexpr (sizeof(U) == 4) {
      const __m128i set = _mm_loadu_si128((const __m128i*)(args.mask + i));
      const __mmask16 chosen = _mm_test_epi8_mask(set, set);
      _mm512_storeu_si512(out + k, _mm512_maskz_compress_epi32(chosen, v));
      k += __builtin_popcount(chosen);
    } else {
      const __m128i set = _mm_loadl_epi64((const __m128i*)(args.mask + i));
      const __mmask8 chosen = __mmask8(_mm_test_epi8_mask(set, set));
      _mm512_storeu_si512(out + k, _mm512_maskz_compress_epi64(chosen, v));
      k += __builtin_popcount(chosen);
    }
  }
}

// The same of the positions themselves.
inline void compress_positions(const MaskArgs& args, int64_t& i, int64_t& k, int64_t last) {
  constexpr int lanes = 8;
  __m512i position = _mm512_add_epi64(_mm512_set1_epi64(i), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
  for (; k + lanes <= last; i += lanes) {
    const __m128i set = _mm_loadl_epi64((const __m128i*)(args.mask + i));
    const __mmask8 chosen = __mmask8(_mm_test_epi8_mask(set, set));
    _mm512_storeu_si512(args.indices + k, _mm512_maskz_compress_epi64(chosen, position));
    k += __builtin_popcount(chosen);
    position = _mm512_add_epi64(position, _mm512_set1_epi64(lanes));
  }
}
#endif

void mask_select(const MaskArgs& args) {
  with_bits(args.dtype, [&]<class U>(U) {
    for_mask_chunks(args, [&](int64_t i, int64_t k, int64_t last) {
      U* const out = static_cast<U*>(args.out);
      const U* const x = static_cast<const U*>(args.x);
#if defined(__AVX512F__)
      if constexpr (sizeof(U) >= 4)
        if (!is_sparse(last - k)) compress<U>(args, i, k, last);
#endif
      put_chosen(args, i, k, last, [=](int64_t to, int64_t from) { out[to] = x[from]; });
    });
  });
}

void mask_nonzero(const MaskArgs& args) {
  if (args.ndim == 0) return;
  // Flat positions first, into the last column of each row; then the coordinates.
  const int ndim = args.ndim;
  for_mask_chunks(args, [=, &args](int64_t i, int64_t k, int64_t last) {
#if defined(__AVX512F__)
    if (ndim == 1 && !is_sparse(last - k)) compress_positions(args, i, k, last);
#endif
    int64_t* const positions = args.indices + ndim - 1;
    put_chosen(args, i, k, last, [=](int64_t to, int64_t position) { positions[to * ndim] = position; });
  });
  if (ndim == 1) return;
  const int64_t count = args.offsets[(args.n + kMaskChunk - 1) / kMaskChunk];
  const int64_t chunks = (count + kMaskChunk - 1) / kMaskChunk;
  if (chunks == 0) return;
  for_chunks(chunks, [&](int64_t chunk) {
    const int64_t length = args.sizes[ndim - 1];
    int64_t line = 0, line_end = 0;  // flat positions of the line that the element before was in
    for (int64_t k = chunk * kMaskChunk; k < smaller((chunk + 1) * kMaskChunk, count); ++k) {
      int64_t* row = args.indices + k * ndim;
      int64_t position = row[ndim - 1];
      if (position < line_end) {  // no division
        for (int d = 0; d < ndim - 1; ++d) row[d] = row[d - ndim];
        row[ndim - 1] = position - line;
        continue;
      }
      line = position / length * length;
      line_end = line + length;
      for (int d = ndim - 1; d > 0; --d) {
        row[d] = position % args.sizes[d];
        position /= args.sizes[d];
      }
      row[0] = position;
    }
  });
}

}  // namespace hotloop::HOTLOOP_ISA
