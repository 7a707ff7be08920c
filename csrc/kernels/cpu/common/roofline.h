// The bodies of the roofline microbenchmarks, over the vectors of one instruction set.
#pragma once

#include "kernels/args/roofline.h"
#include "kernels/cpu/common/stream.h"

namespace hotloop::HOTLOOP_ISA {

// Independent chains: more than latency times throughput of any x86 core (4 cycles by 2 a cycle; the
// baseline's separate multiply and add make it 6 to 8 by 2), fewer than the registers.
#if defined(__AVX512F__)
constexpr int kChains = 24;
#else
constexpr int kChains = 12;
#endif

// Hides a value from the optimiser, in the register where it is.
template <class V>
inline void pin(V& v) {
#if defined(__AVX512F__)
  asm volatile("" : "+v"(v));
#elif defined(__x86_64__)
  asm volatile("" : "+x"(v));
#else
  asm volatile("" : "+m"(v));
#endif
}

template <class T>
inline void fma_chains(const ComputeArgs& args) {
  // Converges to 1, so that no value ever is large, subnormal or NaN.
  Vec<T> scale = broadcast(T(0.5)), shift = broadcast(T(0.5));
  pin(scale);
  pin(shift);
  Vec<T> chain[kChains];
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) chain[i] = broadcast(T(i));
  for (int64_t n = 0; n < args.iterations; ++n) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) chain[i] = fma(chain[i], scale, shift);
  }
  Vec<T> sum{};
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) sum += chain[i];
  *args.flops_per_iteration = 2.0 * kChains * kLanes<T>;
  *args.sink = double(sum[0]);
}

#if defined(__AVX512BF16__)
inline void bf16_dot_chains(const ComputeArgs& args) {
  const __m512bh half = (__m512bh)_mm512_set1_epi16(0x3F00);  // 0.5
  __m512i left = (__m512i)half, right = _mm512_setzero_si512();
  pin(left);
  pin(right);
  __m512 chain[kChains];
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) chain[i] = _mm512_set1_ps(float(i));
  for (int64_t n = 0; n < args.iterations; ++n) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) chain[i] = _mm512_dpbf16_ps(chain[i], (__m512bh)left, (__m512bh)right);
  }
  __m512 sum = _mm512_setzero_ps();
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) sum += chain[i];
  *args.flops_per_iteration = 4.0 * kChains * 16;  // 32 products and 32 sums an instruction
  *args.sink = double(sum[0]);
}
#endif

template <bool kAhead>
inline void read_stream(const StreamArgs& args) {
  constexpr int kUnroll = 8;
  u64v sum[kUnroll] = {};
  // Vectors read together lie next to each other, or each in a part of its own.
  const bool parted = args.way == StreamWay::around;
  const int64_t apart = parted ? args.bytes / kUnroll : kVectorBytes;
  const int64_t step = parted ? kVectorBytes : kUnroll * kVectorBytes;
  const int64_t steps = args.bytes / (kUnroll * kVectorBytes);
  for (int64_t r = 0; r < args.repeats; ++r) {
    const std::byte* p = args.source;
    for (int64_t s = 0; s < steps; ++s, p += step) {
#pragma GCC unroll 8
      for (int i = 0; i < kUnroll; ++i) {
        sum[i] |= load(reinterpret_cast<const uint64_t*>(p + i * apart));
        if constexpr (kAhead) fetch_page_ahead(p + i * kVectorBytes);
      }
    }
    asm volatile("" ::: "memory");  // the next round reads again
  }
  for (int i = 1; i < kUnroll; ++i) sum[0] |= sum[i];
  *args.sink = double(sum[0][0]);
}

inline void read_stream(const StreamArgs& args) {
  if (args.way == StreamWay::ahead)
    read_stream<true>(args);
  else
    read_stream<false>(args);
}

// value(i) is the vector at element i of the target; ask(i) asks a page ahead of what that is made of.
template <bool kAround, bool kAhead, class F, class G>
inline void write_stream(const StreamArgs& args, F value, G ask) {
  constexpr int kUnroll = 4;
  const int64_t n = args.bytes / int64_t(sizeof(float));
  float* target = reinterpret_cast<float*>(args.target);
  for (int64_t r = 0; r < args.repeats; ++r) {
    for (int64_t i = 0; i < n; i += kUnroll * kLanes<float>) {
#pragma GCC unroll 4
      for (int j = 0; j < kUnroll; ++j) {
        const int64_t at = i + j * kLanes<float>;
        f32v v = value(at);
        pin(v);  // or the compiler turns a copy into a call of memcpy
        if constexpr (kAhead) ask(at);
        if constexpr (kAround)
          store_around_caches(target + at, v);
        else
          store(target + at, v);
      }
    }
    asm volatile("" ::: "memory");
  }
  if constexpr (kAround) stores_done();
  *args.sink = double(target[0]);
}

template <class F, class G>
inline void write_stream(const StreamArgs& args, F value, G ask) {
  switch (args.way) {
    case StreamWay::plain: return write_stream<false, false>(args, value, ask);
    case StreamWay::around: return write_stream<true, false>(args, value, ask);
    case StreamWay::ahead: return write_stream<true, true>(args, value, ask);
  }
}

inline void copy_stream(const StreamArgs& args) {
  const float* source = reinterpret_cast<const float*>(args.source);
  write_stream(
      args, [=](int64_t i) { return load(source + i); },
      [=](int64_t i) __attribute__((always_inline)) { fetch_page_ahead(source + i); });
}

inline void triad_stream(const StreamArgs& args) {
  const float* source = reinterpret_cast<const float*>(args.source);
  const float* source2 = reinterpret_cast<const float*>(args.source2);
  const f32v three = broadcast(3.0f);
  write_stream(
      args, [=](int64_t i) { return fma(load(source2 + i), three, load(source + i)); },
      [=](int64_t i) __attribute__((always_inline)) {
        fetch_page_ahead(source + i);
        fetch_page_ahead(source2 + i);
      });
}

inline void update_stream(const StreamArgs& args) {
  const float* target = reinterpret_cast<const float*>(args.target);
  const f32v three = broadcast(3.0f);
  const auto value = [=](int64_t i) { return load(target + i) * three; };
  const auto ask = [=](int64_t i) __attribute__((always_inline)) { fetch_page_ahead(target + i); };
  if (args.way == StreamWay::ahead)
    write_stream<false, true>(args, value, ask);
  else
    write_stream<false, false>(args, value, ask);
}

}  // namespace hotloop::HOTLOOP_ISA
