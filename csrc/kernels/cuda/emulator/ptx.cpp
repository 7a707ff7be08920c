// The instructions of ptx.h, as the PTX manual defines them.
#include "kernels/cuda/emulator/ptx.h"

#include <bit>
#include <cstring>

#include "core/half.h"
#include "kernels/cuda/emulator/worker.h"

namespace hotloop::emulator {

// --- cp.async -----------------------------------------------------------------------------------------
// Copies are made when they are waited for and not before, which is the latest that the hardware may make them. Until
// then their destination is poisoned, and whoever touches it is told.

namespace {

void finish_copy(Worker& worker, const AsyncCopy& copy) {
  worker.shared().set_state(worker.shared().offset(copy.to), copy.bytes, clean);
  worker.touch(copy.to, copy.bytes, Access::write);
  if (copy.valid > 0) worker.touch(copy.from, copy.valid, Access::read);
  std::memcpy(copy.to, copy.from, copy.valid);
  std::memset(copy.to + copy.valid, 0, copy.bytes - copy.valid);
}

}  // namespace

void issue_copy(void* shared, const void* global, uint32_t bytes, uint32_t valid) {
  const Entered entered;
  Worker& worker = *entered;
  worker.count_access();
  worker.check_aligned(shared, bytes);
  if (valid > bytes) {
    worker.fail_here(Fault::out_of_bounds, "issues a cp.async of " + std::to_string(bytes) + " bytes, of which " +
                                               std::to_string(valid) + " are to be read");
  }
  if (!worker.shared().holds(shared)) {
    worker.fail_here(Fault::out_of_bounds, "issues a cp.async to memory that is not shared");
  }
  if (valid > 0) {
    worker.check_aligned(global, bytes);
    if (!is_global_memory(global)) worker.fail_here(Fault::host_memory, "issues a cp.async from no global memory");
    worker.touch(global, valid, Access::read);
  }
  worker.touch(shared, bytes, Access::write);
  worker.shared().set_state(worker.shared().offset(shared), bytes, pending, uint32_t(worker.thread()));
  std::memset(shared, 0xff, bytes);
  worker.copies().copies.push_back({static_cast<char*>(shared), static_cast<const char*>(global), bytes, valid});
}

void commit_copies() {
  const Entered worker;
  AsyncCopies& mine = worker->copies();
  mine.group_ends.push_back(mine.copies.size());
}

void wait_for_copies(uint32_t pending_groups) {
  const Entered entered;
  Worker& worker = *entered;
  AsyncCopies& mine = worker.copies();
  if (mine.group_ends.size() <= pending_groups) return;
  const size_t groups = mine.group_ends.size() - pending_groups, copies = mine.group_ends[groups - 1];
  for (size_t i = 0; i < copies; ++i) finish_copy(worker, mine.copies[i]);
  mine.copies.erase(mine.copies.begin(), mine.copies.begin() + std::ptrdiff_t(copies));
  mine.group_ends.erase(mine.group_ends.begin(), mine.group_ends.begin() + std::ptrdiff_t(groups));
  for (size_t& end : mine.group_ends) end -= copies;
}

// --- ldmatrix -----------------------------------------------------------------------------------------

namespace {

struct MatrixData {
  const char* row;
  Registers4 result;
};

template <int kCount, bool kTransposed>
void run_load(void* const* data, uint32_t, Worker& worker) {
  uint16_t matrix[kCount][8][8];
  for (int i = 0; i < 8 * kCount; ++i) {
    const char* row = static_cast<const MatrixData*>(data[i])->row;
    worker.read_as(i, row, sizeof matrix[0][0]);
    std::memcpy(matrix[i / 8][i % 8], row, sizeof matrix[0][0]);
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    Registers4& result = static_cast<MatrixData*>(data[lane])->result;
    const int g = lane / 4, t = lane % 4;
    for (int m = 0; m < kCount; ++m) {
      const auto& x = matrix[m];
      const uint16_t low = kTransposed ? x[2 * t][g] : x[g][2 * t];
      const uint16_t high = kTransposed ? x[2 * t + 1][g] : x[g][2 * t + 1];
      result.x[m] = uint32_t(high) << 16 | low;
    }
  }
}

constexpr Collective kLoads[2][3] = {{{"ldmatrix.x1", true, run_load<1, false>},
                                      {"ldmatrix.x2", true, run_load<2, false>},
                                      {"ldmatrix.x4", true, run_load<4, false>}},
                                     {{"ldmatrix.x1.trans", true, run_load<1, true>},
                                      {"ldmatrix.x2.trans", true, run_load<2, true>},
                                      {"ldmatrix.x4.trans", true, run_load<4, true>}}};

}  // namespace

Registers4 load_matrices(const void* row, int count, bool transposed) {
  MatrixData data{static_cast<const char*>(row), {}};
  Entered()->meet(kLoads[transposed][std::countr_zero(unsigned(count))], ~0u, &data);
  return data.result;
}

// --- mma ----------------------------------------------------------------------------------------------

namespace {

struct MmaData {
  Sums4 d;
  Registers4 a;
  Registers2 b;
};

float low_half(uint32_t x, half_t) { return to_float(half_t{uint16_t(x)}); }
float low_half(uint32_t x, bfloat16_t) { return to_float(bfloat16_t{uint16_t(x)}); }

// d[16][8] += a[16][kDepth] b[kDepth][8], with the lanes' fragments of a and b already in place.
template <int kDepth>
void multiply(void* const* data, const float (&a)[16][kDepth], const float (&b)[kDepth][8]) {
  for (int lane = 0; lane < kLanes; ++lane) {
    Sums4& d = static_cast<MmaData*>(data[lane])->d;
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      const int row = g + i / 2 * 8, column = 2 * t + i % 2;
      double sum = d.x[i];  // products of 16-bit and tf32 elements are exact in f64
      for (int k = 0; k < kDepth; ++k) sum += double(a[row][k]) * double(b[k][column]);
      d.x[i] = float(sum);
    }
  }
}

template <class T>
void run_mma_16(void* const* data, uint32_t, Worker&) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < kLanes; ++lane) {
    const MmaData& mine = *static_cast<const MmaData*>(data[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i) {
        a[g + i % 2 * 8][2 * t + i / 2 * 8 + half] = low_half(mine.a.x[i] >> 16 * half, T{});
      }
      for (int i = 0; i < 2; ++i) b[2 * t + i * 8 + half][g] = low_half(mine.b.x[i] >> 16 * half, T{});
    }
  }
  multiply(data, a, b);
}

// The tensor cores look at the upper 19 bits of an operand only.
float as_tf32(uint32_t x) { return std::bit_cast<float>(x & 0xffffe000u); }

void run_mma_tf32(void* const* data, uint32_t, Worker&) {
  float a[16][8], b[8][8];
  for (int lane = 0; lane < kLanes; ++lane) {
    const MmaData& mine = *static_cast<const MmaData*>(data[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) a[g + i % 2 * 8][t + i / 2 * 4] = as_tf32(mine.a.x[i]);
    for (int i = 0; i < 2; ++i) b[t + i * 4][g] = as_tf32(mine.b.x[i]);
  }
  multiply(data, a, b);
}

struct MmaF64Data {
  Sums2 d;
  double a, b;
};

void run_mma_f64(void* const* data, uint32_t, Worker&) {
  double a[8][4], b[4][8];
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto& mine = *static_cast<const MmaF64Data*>(data[lane]);
    a[lane / 4][lane % 4] = mine.a;
    b[lane % 4][lane / 4] = mine.b;
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    Sums2& d = static_cast<MmaF64Data*>(data[lane])->d;
    for (int i = 0; i < 2; ++i) {
      for (int k = 0; k < 4; ++k) d.x[i] = __builtin_fma(a[lane / 4][k], b[k][2 * (lane % 4) + i], d.x[i]);
    }
  }
}

constexpr Collective kMmaF16 = {"mma.m16n8k16.f16", true, run_mma_16<half_t>};
constexpr Collective kMmaBf16 = {"mma.m16n8k16.bf16", true, run_mma_16<bfloat16_t>};
constexpr Collective kMmaTf32 = {"mma.m16n8k8.tf32", true, run_mma_tf32};
constexpr Collective kMmaF64 = {"mma.m8n8k4.f64", true, run_mma_f64};

Sums4 run_mma(const Collective& collective, Sums4 d, Registers4 a, Registers2 b) {
  MmaData data{d, a, b};
  Entered()->meet(collective, ~0u, &data);
  return data.d;
}

}  // namespace

Sums4 multiply_f16(Sums4 d, Registers4 a, Registers2 b) { return run_mma(kMmaF16, d, a, b); }
Sums4 multiply_bf16(Sums4 d, Registers4 a, Registers2 b) { return run_mma(kMmaBf16, d, a, b); }
Sums4 multiply_tf32(Sums4 d, Registers4 a, Registers2 b) { return run_mma(kMmaTf32, d, a, b); }

Sums2 multiply_f64(Sums2 d, double a, double b) {
  MmaF64Data data{d, a, b};
  Entered()->meet(kMmaF64, ~0u, &data);
  return data.d;
}

uint32_t round_to_tf32(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffffffu;  // NaN
  return (bits + 0x1000u) & 0xffffe000u;
}

}  // namespace hotloop::emulator
