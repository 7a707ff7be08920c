#include "dispatch/matmul.h"

#include <atomic>
#include <utility>

#include "core/memory.h"
#include "dispatch/list.h"

namespace hotloop {

#define HOTLOOP_MATMUL(isa)               \
  namespace isa {                         \
  void matmul_dot(const MatmulArgs&);     \
  void matmul_skinny(const MatmulArgs&);  \
  void matmul_small(const MatmulArgs&);   \
  void matmul_blocked(const MatmulArgs&); \
  void matmul_pack(const PackArgs&);      \
  }
HOTLOOP_MATMUL(baseline)
#if defined(HOTLOOP_X86)
HOTLOOP_MATMUL(avx2)
HOTLOOP_MATMUL(avx512)
namespace avx512_bf16 {
void matmul_skinny(const MatmulArgs&);
void matmul_small(const MatmulArgs&);
void matmul_blocked(const MatmulArgs&);
void matmul_pack(const PackArgs&);
}  // namespace avx512_bf16
namespace avx512_amx {
void matmul_skinny(const MatmulArgs&);
void matmul_blocked(const MatmulArgs&);
void matmul_pack(const PackArgs&);
}  // namespace avx512_amx
#endif
namespace reference {
void matmul(const MatmulArgs&);
}
HOTLOOP_GPU_KERNEL(matmul_tf32, MatmulArgs)
HOTLOOP_GPU_KERNEL(matmul, MatmulArgs)

}  // namespace hotloop

namespace hotloop::dispatch {
namespace {

constexpr DTypeSet kBf16 = 1u << int(DType::bf16);
constexpr DTypeSet kF32 = 1u << int(DType::f32);

std::atomic<Float32Precision> float32_precision = Float32Precision::highest;

// One row block of f32 stays in L2 beside B up to here; larger products earn packing and threads.
constexpr int64_t kSmallWork = 4 << 20;
// B beyond a share of L2 is streamed.
constexpr int64_t kSkinnyBytes = 256 << 10;

int64_t bytes_of(DType dtype) { return dtype == DType::f64 ? 8 : dtype == DType::f32 ? 4 : 2; }

const char* refuse_dot(const MatmulArgs& args) {
  if (args.n != 1) return "n is not 1";
  if (args.a_col_stride != 1) return "rows of A not contiguous";
  if (args.packed_b) return "B is packed";
  return nullptr;
}

const char* refuse_skinny(const MatmulArgs& args) {
  if (args.m > 8) return "more than 8 rows";
  if (args.packed_b) return "B is packed";
  if (args.b_col_stride != 1 && args.b_row_stride != 1) return "no stride of B is 1";
  // One or two rows against lines along k: packing would cost more than the product.
  const bool lines = args.b_row_stride == 1 && args.m <= 2 && args.n >= 4 && args.k >= 16;
  if (!lines && args.k * args.n * bytes_of(args.dtype) < kSkinnyBytes) return "B fits the caches";
  return nullptr;
}

const char* refuse_small(const MatmulArgs& args) {
  if (args.packed_b) return "B is packed";
  if (args.m * args.n * args.k > kSmallWork) return "too large for one thread";
  if (args.k > 1024) return "sum too long for the caches";
  if (args.a_col_stride != 1 && args.m * args.k * bytes_of(args.dtype) > kSkinnyBytes) return "A wants packing";
  return nullptr;
}

#if defined(HOTLOOP_X86)
// Products with one column are the same kernel's for bf16 as for f16, whatever the rows.
const char* refuse_bf16dot(const MatmulArgs& args) {
  return args.n == 1 && args.a_col_stride == 1 && !args.packed_b ? "n is 1" : nullptr;
}
const char* refuse_bf16dot_skinny(const MatmulArgs& args) {
  const char* reason = refuse_bf16dot(args);
  return reason ? reason : refuse_skinny(args);
}
const char* refuse_bf16dot_small(const MatmulArgs& args) {
  const char* reason = refuse_bf16dot(args);
  return reason ? reason : refuse_small(args);
}

const char* refuse_tiles(const MatmulArgs& args) {
  return may_use_tiles() ? refuse_bf16dot(args) : "the system grants no tile registers";
}
const char* refuse_tiles_skinny(const MatmulArgs& args) {
  if (const char* reason = refuse_tiles(args)) return reason;
  if (args.m > 8) return "more than 8 rows";
  if (args.packed_b) return "B is packed";
  if (args.b_col_stride != 1) return "rows of B not contiguous";
  return args.k * args.n * bytes_of(args.dtype) < kSkinnyBytes ? "B fits the caches" : nullptr;
}
#endif

#define HOTLOOP_MATMUL_CANDIDATES(isa)                                               \
  {"matmul_dot_" #isa, Isa::isa, kFloats, refuse_dot, isa::matmul_dot},              \
      {"matmul_skinny_" #isa, Isa::isa, kFloats, refuse_skinny, isa::matmul_skinny}, \
      {"matmul_small_" #isa, Isa::isa, kFloats, refuse_small, isa::matmul_small},    \
      {"matmul_blocked_" #isa, Isa::isa, kFloats, nullptr, isa::matmul_blocked},

constexpr Candidate<MatmulArgs> kCandidates[] = {
#if defined(HOTLOOP_X86)
    {"matmul_tiles_skinny_avx512_amx", Isa::avx512_amx, kBf16, refuse_tiles_skinny, avx512_amx::matmul_skinny},
    {"matmul_tiles_blocked_avx512_amx", Isa::avx512_amx, kBf16, refuse_tiles, avx512_amx::matmul_blocked},
    {"matmul_bf16dot_skinny_avx512_bf16", Isa::avx512_bf16, kBf16, refuse_bf16dot_skinny, avx512_bf16::matmul_skinny},
    {"matmul_bf16dot_small_avx512_bf16", Isa::avx512_bf16, kBf16, refuse_bf16dot_small, avx512_bf16::matmul_small},
    {"matmul_bf16dot_blocked_avx512_bf16", Isa::avx512_bf16, kBf16, refuse_bf16dot, avx512_bf16::matmul_blocked},
    HOTLOOP_MATMUL_CANDIDATES(avx512) HOTLOOP_MATMUL_CANDIDATES(avx2)
#endif
        HOTLOOP_MATMUL_CANDIDATES(baseline){"matmul_reference", Isa::reference, kAllDTypes, nullptr, reference::matmul},
};

const char* refuse_tf32(const MatmulArgs&) {
  return float32_matmul_precision() == Float32Precision::highest ? "f32 matmul precision is 'highest'" : nullptr;
}

constexpr GpuCandidate<MatmulArgs> kGpuCandidates[] = {
    HOTLOOP_GPU_CANDIDATE(matmul_tf32, kF32, refuse_tf32),
    HOTLOOP_GPU_CANDIDATE(matmul, kAllDTypes, nullptr),
};

bool empty(const MatmulArgs& args) {
  bool none = args.m == 0 || args.n == 0;
  for (int d = 0; d < args.batch_dims; ++d) none |= args.batch[d] == 0;
  return none;
}

// out (m, 1) with unit stride is also out^T (1, m): A is then streamed by its columns.
MatmulArgs transposed(MatmulArgs args) {
  std::swap(args.m, args.n);
  std::swap(args.a, args.b);
  std::swap(args.a_row_stride, args.b_col_stride);
  std::swap(args.a_col_stride, args.b_row_stride);
  std::swap(args.bias_row_stride, args.bias_col_stride);
  std::swap(args.residual_row_stride, args.residual_col_stride);
  std::swap(args.a_batch_stride, args.b_batch_stride);
  args.out_row_stride = args.n;
  return args;
}

}  // namespace

void set_float32_matmul_precision(Float32Precision precision) {
  float32_precision.store(precision, std::memory_order_relaxed);
}
Float32Precision float32_matmul_precision() { return float32_precision.load(std::memory_order_relaxed); }

void matmul(Device device, const MatmulArgs& args) {
  if (empty(args)) [[unlikely]]
    return;
  if (device.type != DeviceType::cpu) [[unlikely]]
    return run_gpu("matmul", kGpuCandidates, device, args.dtype, args);
  if (args.n == 1 && args.m > 1 && args.a_col_stride != 1 && args.out_row_stride == 1 && !args.packed_b) [[unlikely]]
    return run("matmul", kCandidates, args.dtype, transposed(args));
  run("matmul", kCandidates, args.dtype, args);
}

// How the instruction set packs and multiplies what it packed.
struct PackedKernels {
  void (*pack)(const PackArgs&);
  void (*multiply)(const MatmulArgs&);
};
PackedKernels packed_kernels([[maybe_unused]] Isa isa, [[maybe_unused]] DType dtype) {
#if defined(HOTLOOP_X86)
  if (isa == Isa::avx512_amx && dtype == DType::bf16 && may_use_tiles())
    return {avx512_amx::matmul_pack, avx512_amx::matmul_blocked};
  if (isa >= Isa::avx512_bf16 && dtype == DType::bf16) return {avx512_bf16::matmul_pack, avx512_bf16::matmul_blocked};
  if (isa >= Isa::avx512) return {avx512::matmul_pack, avx512::matmul_blocked};
  if (isa == Isa::avx2) return {avx2::matmul_pack, avx2::matmul_blocked};
#endif
  return {baseline::matmul_pack, baseline::matmul_blocked};
}

PackedMatrix::PackedMatrix(DType dtype, int64_t k, int64_t n, const void* b, int64_t row_stride, int64_t col_stride)
    : dtype_(dtype), isa_(active_isa()), k_(k), n_(n), bytes_(0) {
  PackArgs args{dtype, n, k, b, row_stride, col_stride, nullptr, &bytes_};
  const PackedKernels kernels = packed_kernels(isa_, dtype_);
  kernels.pack(args);
  data_ = allocate(size_t(bytes_));
  args.packed = data_;
  kernels.pack(args);
}

PackedMatrix::~PackedMatrix() { deallocate(data_, size_t(bytes_)); }

void PackedMatrix::multiply(MatmulArgs args) const {
  args.dtype = dtype_;
  args.k = k_;
  args.n = n_;
  args.b = nullptr;
  args.packed_b = data_;
  if (!empty(args)) packed_kernels(isa_, dtype_).multiply(args);
}

}  // namespace hotloop::dispatch
