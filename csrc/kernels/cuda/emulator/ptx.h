// The instructions of common/ptx.h, for the host compiler; they are explained there. Registers go by value, so that
// fragments stay in registers here too, and GCC's instrumentation does not see them.
#pragma once

#include <cstdint>

#include "kernels/cuda/emulator/device.h"

namespace hotloop::emulator {

struct Registers1 {
  uint32_t x[1];
};
struct Registers2 {
  uint32_t x[2];
};
struct Registers4 {
  uint32_t x[4];
};
struct Sums4 {
  float x[4];
};
struct Sums2 {
  double x[2];
};

void issue_copy(void* shared, const void* global, uint32_t bytes, uint32_t valid);
void commit_copies();
void wait_for_copies(uint32_t pending_groups);

// Up to 4 matrices; what is beyond `count` is zero.
Registers4 load_matrices(const void* row, int count, bool transposed);

Sums4 multiply_f16(Sums4 d, Registers4 a, Registers2 b);
Sums4 multiply_bf16(Sums4 d, Registers4 a, Registers2 b);
Sums4 multiply_tf32(Sums4 d, Registers4 a, Registers2 b);
Sums2 multiply_f64(Sums2 d, double a, double b);
uint32_t round_to_tf32(float x);

}  // namespace hotloop::emulator

namespace hotloop::cuda {

template <int kBytes>
__forceinline__ void cp_async(void* shared, const void* global, int valid = kBytes) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  emulator::issue_copy(shared, global, kBytes, uint32_t(valid));
}
__forceinline__ void cp_async_commit() { emulator::commit_copies(); }
template <int kPending>
__forceinline__ void cp_async_wait() {
  emulator::wait_for_copies(kPending);
}

#define HOTLOOP_LDMATRIX(name, count, transposed)                                        \
  __forceinline__ void name(uint32_t (&d)[count], const void* row) {                     \
    const emulator::Registers4 loaded = emulator::load_matrices(row, count, transposed); \
    for (int i = 0; i < count; ++i) d[i] = loaded.x[i];                                  \
  }
HOTLOOP_LDMATRIX(ldmatrix_x1, 1, false)
HOTLOOP_LDMATRIX(ldmatrix_x2, 2, false)
HOTLOOP_LDMATRIX(ldmatrix_x4, 4, false)
HOTLOOP_LDMATRIX(ldmatrix_x1_trans, 1, true)
HOTLOOP_LDMATRIX(ldmatrix_x2_trans, 2, true)
HOTLOOP_LDMATRIX(ldmatrix_x4_trans, 4, true)
#undef HOTLOOP_LDMATRIX

#define HOTLOOP_MMA(name, function)                                                                 \
  __forceinline__ void name(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {        \
    const emulator::Sums4 sums =                                                                    \
        emulator::function({{d[0], d[1], d[2], d[3]}}, {{a[0], a[1], a[2], a[3]}}, {{b[0], b[1]}}); \
    for (int i = 0; i < 4; ++i) d[i] = sums.x[i];                                                   \
  }
HOTLOOP_MMA(mma_m16n8k16_f16, multiply_f16)
HOTLOOP_MMA(mma_m16n8k16_bf16, multiply_bf16)
HOTLOOP_MMA(mma_m16n8k8_tf32, multiply_tf32)
#undef HOTLOOP_MMA

__forceinline__ void mma_m8n8k4_f64(double (&d)[2], double a, double b) {
  const emulator::Sums2 sums = emulator::multiply_f64({{d[0], d[1]}}, a, b);
  d[0] = sums.x[0];
  d[1] = sums.x[1];
}
__forceinline__ uint32_t cvt_rna_tf32(float x) { return emulator::round_to_tf32(x); }

}  // namespace hotloop::cuda
