// Results stored around the caches, where these are too small for them.
//
// An ordinary store reads the line that it writes. Where an output is larger than the caches nearby, that line comes
// from afar and is soon thrown out again: stores around the caches take 10 to 30 % off what waits for memory alone, and
// off chains of ops where no operand is still near (docs/performance.md has the sizes). They must be spread over the
// loop that makes the results: a core has few places for lines on their way, which stores in a bunch fill, and what
// computes must then wait to read (exp and softmax, of 2 to 6 KB stored at a time, took a third longer).
#pragma once

#include "core/cpu_features.h"
#include "kernels/cpu/common/chunks.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kLineBytes = 64;
// How far ahead loops that compute for longer ask for what they read: the CPU's own fetching ends where a page does, and
// what then waits is too long for the instructions behind it to hide.
constexpr int64_t kPageBytes = 4096;
template <class T>
[[gnu::always_inline]] inline void fetch_page_ahead(const T* p) {
  __builtin_prefetch((const char*)p + kPageBytes);
}

#if defined(__AVX__)
constexpr bool kStoresAround = true;
#else
constexpr bool kStoresAround = false;  // plain C++ has no such store
#endif

// v to p, which lies at a vector's boundary; stores_done() before another thread may read.
template <class V>
inline void store_around_caches(void* p, V v) {
#if defined(__AVX512F__)
  _mm512_stream_si512((__m512i*)p, (__m512i)v);
#elif defined(__AVX__)
  _mm256_stream_si256((__m256i*)p, (__m256i)v);
#else
  __builtin_memcpy(p, &v, sizeof v);
#endif
}
inline void stores_done() {
#if defined(__AVX__)
  _mm_sfence();
  count_far_stores();
#endif
}

// Whether `elements` results of `size` bytes are stored around the caches: none that are read here too.
template <class... Inputs>
inline bool is_streamed(const void* out, int64_t elements, int size, Inputs... inputs) {
  return kStoresAround && elements * size >= far_store_bytes() && uintptr_t(out) % uintptr_t(size) == 0 &&
         ((inputs != out) && ...);
}

// A copy by whole lines of `to`: vectors that lie across two lines would be stored in two steps.
inline void move_run(char* to, const char* from, int64_t bytes, bool around_caches) {
  const int64_t head = smaller<int64_t>(int64_t(-uintptr_t(to) & (kLineBytes - 1)), bytes);
  copy_bytes<kLineBytes>(to, from, int(head));
  int64_t i = head;
  const auto move_lines = [&](auto put) __attribute__((always_inline)) {
    for (; i + kLineBytes <= bytes; i += kLineBytes)
#pragma GCC unroll 4
      for (int64_t k = 0; k < kLineBytes; k += kVectorBytes) put(to + i + k, load((const float*)(from + i + k)));
  };
  if (around_caches)
    move_lines([](char* p, auto v) __attribute__((always_inline)) { store_around_caches(p, v); });
  else
    move_lines([](char* p, auto v) __attribute__((always_inline)) { store((float*)p, v); });
  copy_bytes<kLineBytes>(to + i, from + i, int(bytes - i));
}

}  // namespace hotloop::HOTLOOP_ISA
