// Distances between rows and their gradient (kernels/args/distance.h).
//
// Forward, a block of 16x16 threads has as many distances, one a thread: a stretch of k of both sides' rows goes through
// shared memory. Backward, a block has 8 rows and 32 elements of k: the coefficients of its rows with 32 others are made
// once, in shared memory, and each thread adds up its element. Bound by arithmetic. Called by dispatch/distance.cpp.
// Never run on a GPU yet.
#include "kernels/args/distance.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kSide = 16;             // of a forward block
constexpr int kDepth = 32;            // of k, in shared memory
constexpr int kRows = 8, kWide = 32;  // of a backward block

enum class Norm : uint8_t { count, sum, root, largest, power };
// Calls f with the norm as a type.
template <Norm kNorm>
using NormOf = std::integral_constant<Norm, kNorm>;
template <class F>
void with_norm(double p, F&& f) {
  if (p == 0) return f(NormOf<Norm::count>{});
  if (p == 1) return f(NormOf<Norm::sum>{});
  if (p == 2) return f(NormOf<Norm::root>{});
  p < __builtin_inf() ? f(NormOf<Norm::power>{}) : f(NormOf<Norm::largest>{});
}

template <Norm norm, class T>
__global__ void __launch_bounds__(kSide* kSide, 1) cdist_tiles(DistanceArgs args) {
  SHARED(T[kSide * (kDepth + 1)], a);
  SHARED(T[kSide * (kDepth + 1)], b);
  const int64_t tiles = (args.m + kSide - 1) / kSide;
  const int64_t i0 = blockIdx.x / tiles * kSide, j0 = blockIdx.x % tiles * kSide;
  if (args.pairs && j0 + kSide - 1 <= i0) return;
  const T p = T(args.p);
  for (int64_t batch = blockIdx.y; batch < args.batch; batch += gridDim.y) {
    const T* x1 = static_cast<const T*>(args.x1) + batch * args.n * args.k;
    const T* x2 = static_cast<const T*>(args.x2) + batch * args.m * args.k;
    T sum = 0;
    for (int64_t k0 = 0; k0 < args.k; k0 += kDepth) {
      const int depth = args.k - k0 < kDepth ? int(args.k - k0) : kDepth;
      __syncthreads();  // the last stretch has been read
      for (int at = threadIdx.y * kSide + threadIdx.x; at < kSide * kDepth; at += kSide * kSide) {
        const int row = at / kDepth, k = at % kDepth;
        if (k >= depth) continue;
        if (i0 + row < args.n) a[row * (kDepth + 1) + k] = x1[(i0 + row) * args.k + k0 + k];
        if (j0 + row < args.m) b[row * (kDepth + 1) + k] = x2[(j0 + row) * args.k + k0 + k];
      }
      __syncthreads();
      if (i0 + threadIdx.y >= args.n || j0 + threadIdx.x >= args.m) continue;
      for (int k = 0; k < depth; ++k) {
        const T d = math::abs(a[threadIdx.y * (kDepth + 1) + k] - b[threadIdx.x * (kDepth + 1) + k]);
        switch (norm) {
          case Norm::count: sum += d != T(0) ? T(1) : T(0); break;
          case Norm::sum: sum += d; break;
          case Norm::root: sum = ::fma(d, d, sum); break;
          case Norm::largest: sum = d > sum || d != d ? d : sum; break;
          case Norm::power: sum += math::pow(d, p); break;
        }
      }
    }
    if (i0 + threadIdx.y >= args.n || j0 + threadIdx.x >= args.m) continue;
    if (norm == Norm::root) sum = math::sqrt(sum);
    if (norm == Norm::power) sum = math::pow(sum, T(1) / p);
    const int64_t i = i0 + threadIdx.y, j = j0 + threadIdx.x;
    if (args.pairs && j <= i) continue;
    static_cast<T*>(args.out)[args.pairs ? pair_place(args.n, i, j) : (batch * args.n + i) * args.m + j] = sum;
  }
}

template <Norm norm, class T>
__global__ void __launch_bounds__(kRows* kWide, 1) cdist_backward_tiles(DistanceBackwardArgs args) {
  SHARED(T[kRows * kWide], c);
  SHARED(T[kRows * kWide], distances);
  const int64_t tiles = (args.k + kWide - 1) / kWide;
  const int64_t i = blockIdx.x / tiles * kRows + threadIdx.y, k = blockIdx.x % tiles * kWide + threadIdx.x;
  const T power = T(args.p - 1);
  for (int64_t batch = blockIdx.y; batch < args.batch; batch += gridDim.y) {
    const T* other = static_cast<const T*>(args.other) + batch * args.m * args.k;
    const bool inside = i < args.n && k < args.k;
    const T x = inside ? static_cast<const T*>(args.x)[(batch * args.n + i) * args.k + k] : T(0);
    T sum = 0;
    for (int64_t j0 = 0; j0 < args.m; j0 += kWide) {
      const int count = args.m - j0 < kWide ? int(args.m - j0) : kWide, mine = threadIdx.y * kWide + threadIdx.x;
      __syncthreads();  // the last coefficients have been read
      if (i < args.n && int(threadIdx.x) < count) {
        const int64_t j = j0 + threadIdx.x;
        const bool self = args.pairs && i == j;  // nothing is between a row and itself
        const int64_t at = self         ? 0
                           : args.pairs ? pair_place(args.n, i < j ? i : j, i < j ? j : i)
                                        : batch * args.n * args.m + i * args.row + j * args.column;
        const T d = self ? T(0) : static_cast<const T*>(args.out)[at];
        const T grad = self ? T(0) : static_cast<const T*>(args.grad)[at];
        distances[mine] = d;
        c[mine] = norm == Norm::sum || norm == Norm::largest ? grad
                  : d == T(0)                                ? T(0)
                  : norm == Norm::root                       ? grad / d
                                                             : grad / math::pow(d, power);
      }
      __syncthreads();
      if (!inside) continue;
      for (int j = 0; j < count; ++j) {
        const T d = x - other[(j0 + j) * args.k + k], size = math::abs(d), s = c[threadIdx.y * kWide + j];
        if (d == T(0)) continue;
        const T signed_s = d < T(0) ? -s : s;
        switch (norm) {
          case Norm::root: sum += s * d; break;
          case Norm::largest: sum += size == distances[threadIdx.y * kWide + j] ? signed_s : d != d ? d : T(0); break;
          case Norm::power: sum += signed_s * math::pow(size, power); break;
          default: sum += d != d ? d : signed_s;
        }
      }
    }
    if (inside) static_cast<T*>(args.grad_x)[(batch * args.n + i) * args.k + k] = sum;
  }
}

// Blocks of `x` by the batch, of which a grid holds so many.
dim3 batched(int64_t x, int64_t batch) { return dim3(unsigned(x), unsigned(batch < 65535 ? batch : 65535)); }

template <class F>
void with_real(DType dtype, F&& f) {
  dtype == DType::f64 ? f(double{}) : f(float{});
}

}  // namespace

void cdist(const DistanceArgs& args, GpuStream stream) {
  const int64_t tiles = (args.n + kSide - 1) / kSide * ((args.m + kSide - 1) / kSide);
  with_norm(args.p, [&]<class N>(N) {
    with_real(args.dtype, [&]<class T>(T) {
      launch(stream, batched(tiles, args.batch), dim3(kSide, kSide), 0, cdist_tiles<N::value, T>, args);
    });
  });
}

void cdist_backward(const DistanceBackwardArgs& args, GpuStream stream) {
  const int64_t tiles = (args.n + kRows - 1) / kRows * ((args.k + kWide - 1) / kWide);
  with_norm(args.p, [&]<class N>(N) {
    with_real(args.dtype, [&]<class T>(T) {
      launch(stream, batched(tiles, args.batch), dim3(kWide, kRows), 0, cdist_backward_tiles<N::value, T>, args);
    });
  });
}

}  // namespace hotloop::sm80
