// One kernel for each wrapped instruction, of one warp, which runs it on data that tell where they came from. The test
// compares what the emulator gives with the instruction's definition, and with what a GPU gave where that was recorded
// (record_golden.cu compiles this file with nvcc).
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/ptx.h"

namespace instructions {

using namespace hotloop;
using namespace hotloop::cuda;

// --- ldmatrix: in is 32 rows of 4 words ---------------------------------------------------------------

template <int kCount, bool kTransposed>
__global__ void ldmatrix(const uint32_t* in, uint32_t* out) {
  SHARED(uint32_t[32][4], rows);
  for (int i = 0; i < 4; ++i) rows[threadIdx.x][i] = in[threadIdx.x * 4 + i];
  __syncthreads();
  uint32_t d[kCount];
  const void* row = rows[threadIdx.x % (8 * kCount)];
  if constexpr (kCount == 1 && !kTransposed) ldmatrix_x1(d, row);
  if constexpr (kCount == 2 && !kTransposed) ldmatrix_x2(d, row);
  if constexpr (kCount == 4 && !kTransposed) ldmatrix_x4(d, row);
  if constexpr (kCount == 1 && kTransposed) ldmatrix_x1_trans(d, row);
  if constexpr (kCount == 2 && kTransposed) ldmatrix_x2_trans(d, row);
  if constexpr (kCount == 4 && kTransposed) ldmatrix_x4_trans(d, row);
  for (int i = 0; i < kCount; ++i) out[threadIdx.x * kCount + i] = d[i];
}

// --- mma: in is a's 4 words a lane, then b's 2, then d's 4 ---------------------------------------------

enum class Elements { f16, bf16, tf32 };

template <Elements kElements>
__global__ void mma(const uint32_t* in, uint32_t* out) {
  const unsigned lane = threadIdx.x;
  const uint32_t *pa = in + lane * 4, *pb = in + 128 + lane * 2, *pd = in + 192 + lane * 4;
  const uint32_t a[4] = {pa[0], pa[1], pa[2], pa[3]}, b[2] = {pb[0], pb[1]};
  float d[4] = {__uint_as_float(pd[0]), __uint_as_float(pd[1]), __uint_as_float(pd[2]), __uint_as_float(pd[3])};
  if constexpr (kElements == Elements::f16) mma_m16n8k16<half_t>(d, a, b);
  if constexpr (kElements == Elements::bf16) mma_m16n8k16<bfloat16_t>(d, a, b);
  if constexpr (kElements == Elements::tf32) mma_m16n8k8_tf32(d, a, b);
  for (int i = 0; i < 4; ++i) out[lane * 4 + i] = __float_as_uint(d[i]);
}

// in is a's number a lane, then b's, then d's 2, all of them integers; so is out.
__global__ void mma_f64(const uint32_t* in, uint32_t* out) {
  const unsigned lane = threadIdx.x;
  double d[2] = {double(int(in[64 + lane * 2])), double(int(in[64 + lane * 2 + 1]))};
  mma_m8n8k4_f64(d, double(int(in[lane])), double(int(in[32 + lane])));
  for (int i = 0; i < 2; ++i) out[lane * 2 + i] = uint32_t(int(d[i]));
}

// --- cp.async: each lane copies its piece with its lane number modulo (kBytes + 1) bytes valid; two groups -------

template <int kBytes>
__global__ void copy_async(const uint32_t* in, uint32_t* out) {
  constexpr int kWords = kBytes / 4;
  SHARED(uint32_t[2][32 * 4], held);
  const unsigned lane = threadIdx.x;
  cp_async<kBytes>(&held[0][lane * kWords], in + lane * kWords, int(lane % (kBytes + 1)));
  cp_async_commit();
  cp_async<kBytes>(&held[1][lane * kWords], in + lane * kWords);
  cp_async_commit();
  cp_async_wait<1>();
  for (int i = 0; i < kWords; ++i) out[lane * kWords + i] = held[0][lane * kWords + i];
  cp_async_wait<0>();
  for (int i = 0; i < kWords; ++i) out[(32 + lane) * kWords + i] = held[1][lane * kWords + i];
}

// --- shuffles and votes -----------------------------------------------------------------------------------

// For each width of 32, 8 and each distance of 1, 3, 6: by index, up, down, exclusive or.
__global__ void shuffles(const uint32_t* in, uint32_t* out) {
  const unsigned lane = threadIdx.x, x = in[lane];
  int at = 0;
  for (int width : {32, 8}) {
    for (int by : {1, 3, 6}) {
      out[(at + 0) * 32 + lane] = __shfl_sync(0xffffffffu, x, int(lane) * by, width);
      out[(at + 1) * 32 + lane] = __shfl_up_sync(0xffffffffu, x, unsigned(by), width);
      out[(at + 2) * 32 + lane] = __shfl_down_sync(0xffffffffu, x, unsigned(by), width);
      out[(at + 3) * 32 + lane] = __shfl_xor_sync(0xffffffffu, x, by, width);
      at += 4;
    }
  }
}

// in is the predicate.
__global__ void votes(const uint32_t* in, uint32_t* out) {
  const unsigned lane = threadIdx.x, x = in[lane];
  int same = 0;
  out[0 * 32 + lane] = __ballot_sync(0xffffffffu, int(x % 3 == 0));
  out[1 * 32 + lane] = unsigned(__all_sync(0xffffffffu, int(x % 3 == 0)));
  out[2 * 32 + lane] = unsigned(__any_sync(0xffffffffu, int(x % 3 == 0)));
  out[3 * 32 + lane] = __match_any_sync(0xffffffffu, x % 5);
  out[4 * 32 + lane] = __match_all_sync(0xffffffffu, x % 5, &same);
  out[5 * 32 + lane] = unsigned(same);
  out[6 * 32 + lane] = __reduce_add_sync(0xffffffffu, x);
  out[7 * 32 + lane] = unsigned(__reduce_min_sync(0xffffffffu, int(x)));
  out[8 * 32 + lane] = unsigned(__reduce_max_sync(0xffffffffu, int(x)));
  out[9 * 32 + lane] = __reduce_xor_sync(0xffffffffu, x);
}

// --- conversions: in is bits of f32; NaN gives 1 whatever its bits --------------------------------------

__global__ void conversions(const uint32_t* in, uint32_t* out) {
  const unsigned lane = threadIdx.x;
  const float x = __uint_as_float(in[lane]);
  const double beside = double(x) * (1 + 1e-12);  // must not be rounded twice
  const half_t half = to_f16(x), half_beside = to_f16(beside);
  const bfloat16_t brain = to_bf16(x), brain_beside = to_bf16(beside);
  const bool nan = x != x;
  out[0 * 32 + lane] = nan ? unsigned(to_f32(half) != to_f32(half)) : half.bits;
  out[1 * 32 + lane] = nan ? unsigned(to_f32(brain) != to_f32(brain)) : brain.bits;
  out[2 * 32 + lane] = nan ? unsigned(to_f32(half_beside) != to_f32(half_beside)) : half_beside.bits;
  out[3 * 32 + lane] = nan ? unsigned(to_f32(brain_beside) != to_f32(brain_beside)) : brain_beside.bits;
  const float tf32 = __uint_as_float(cvt_rna_tf32(x));
  out[4 * 32 + lane] = nan ? unsigned(tf32 != tf32) : __float_as_uint(tf32);
  out[5 * 32 + lane] = nan ? 1 : __float_as_uint(to_f32(half_t{uint16_t(in[lane] >> 16 & 0xfbff)}));  // no NaN
  out[6 * 32 + lane] = nan ? 1 : __float_as_uint(to_f32(bfloat16_t{uint16_t(in[lane] >> 16)}));
}

// --- all of them ------------------------------------------------------------------------------------------

inline uint16_t small_f16(int i) {  // -4 to 4, exactly
  const int value = i % 9 - 4, magnitude = value < 0 ? -value : value;
  const uint16_t bits[] = {0, 0x3c00, 0x4000, 0x4200, 0x4400};
  return uint16_t(bits[magnitude] | (value < 0 ? 0x8000 : 0));
}
inline uint32_t small_f32(int i) {
  const int value = i % 9 - 4, magnitude = value < 0 ? -value : value;
  const uint32_t bits[] = {0, 0x3f800000, 0x40000000, 0x40400000, 0x40800000};
  return bits[magnitude] | (value < 0 ? 0x80000000u : 0);
}
inline uint16_t small_bf16(int i) { return uint16_t(small_f32(i) >> 16); }

// Word i of an input.
inline uint32_t index_pairs(int i) { return uint32_t(2 * i) | uint32_t(2 * i + 1) << 16; }
inline uint32_t index_bytes(int i) { return uint32_t(i) * 0x04040404u + 0x04030201u; }
inline uint32_t mixed(int i) { return uint32_t(i * 37 % 101); }
inline uint32_t mma_f16_words(int i) {
  return i < 192 ? small_f16(i * 7) | uint32_t(small_f16(i * 5 + 3)) << 16 : small_f32(i * 11);
}
inline uint32_t mma_bf16_words(int i) {
  return i < 192 ? small_bf16(i * 7) | uint32_t(small_bf16(i * 5 + 3)) << 16 : small_f32(i * 11);
}
// The low bits that tensor cores must not look at are set in a and b.
inline uint32_t mma_tf32_words(int i) {
  return i < 192 ? small_f32(i * 7) | (i % 9 == 4 ? 0 : 0x1fffu) : small_f32(i * 11);
}
inline uint32_t mma_f64_words(int i) { return uint32_t(i * 7 % 23 - 11); }
inline uint32_t special_floats(int i) {
  const uint32_t bits[32] = {
      0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,   // 0 1 inf NaN
      0x477fe000, 0x477fefff, 0x477ff000, 0x477fffff, 0x7f7fffff, 0x7f7f7fff, 0x7f7f8000, 0x7f000000,   // overflow
      0x33000000, 0x33000001, 0x33800000, 0x33c00000, 0x38800000, 0x387fffff, 0x387fe000, 0x387fc000,   // f16 subnormal
      0x00000001, 0x007fffff, 0x00008000, 0x00018000, 0x3f801000, 0x3f803000, 0x3f808000, 0x3f818000};  // ties
  return bits[i];
}

struct Instruction {
  const char* name;
  void (*kernel)(const uint32_t*, uint32_t*);
  uint32_t (*word)(int i);
  int in_words, out_words;
};

inline constexpr Instruction kAll[] = {
    {"ldmatrix_x1", ldmatrix<1, false>, index_pairs, 128, 32},
    {"ldmatrix_x2", ldmatrix<2, false>, index_pairs, 128, 64},
    {"ldmatrix_x4", ldmatrix<4, false>, index_pairs, 128, 128},
    {"ldmatrix_x1_trans", ldmatrix<1, true>, index_pairs, 128, 32},
    {"ldmatrix_x2_trans", ldmatrix<2, true>, index_pairs, 128, 64},
    {"ldmatrix_x4_trans", ldmatrix<4, true>, index_pairs, 128, 128},
    {"mma_m16n8k16_f16", mma<Elements::f16>, mma_f16_words, 320, 128},
    {"mma_m16n8k16_bf16", mma<Elements::bf16>, mma_bf16_words, 320, 128},
    {"mma_m16n8k8_tf32", mma<Elements::tf32>, mma_tf32_words, 320, 128},
    {"mma_m8n8k4_f64", mma_f64, mma_f64_words, 128, 64},
    {"cp_async_4", copy_async<4>, index_bytes, 32, 64},
    {"cp_async_8", copy_async<8>, index_bytes, 64, 128},
    {"cp_async_16", copy_async<16>, index_bytes, 128, 256},
    {"shuffles", shuffles, mixed, 32, 24 * 32},
    {"votes", votes, mixed, 32, 10 * 32},
    {"conversions", conversions, special_floats, 32, 7 * 32},
};

}  // namespace instructions
