// A reduction over rows: a block takes a row, each of its warps a stripe at a time; rows follow one another in a block,
// so that the shared memory is used again.
#include "kernels.h"
#include "kernels/cuda/common/launch.h"

namespace mutants {

using namespace hotloop;
using namespace hotloop::cuda;

namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32;
constexpr unsigned kBlocks = 3;

struct Best {
  float value;
  int at;
};

__device__ Best better(Best a, Best b) {
  const bool first = a.value > b.value || (a.value == b.value && a.at < b.at);
  return first ? a : b;
}

__global__ void __launch_bounds__(kThreads) argmax_kernel(const float* x, float* out, int* at, int rows, int n) {
  SHARED(Best[kThreads], of_thread);
  SHARED(Best[kWarps], of_warp);
  const int thread = int(threadIdx.x), lane = thread % 32, warp = thread / 32;
  for (int row = int(blockIdx.x); row < rows; row += int(gridDim.x)) {
    Best best = {-INFINITY, n};
    for (int i = thread; i < n; i += kThreads) best = better(best, {x[int64_t(row) * n + i], i});
    // Through shared memory and not by shuffles, to have what __syncwarp is for.
    of_thread[thread] = best;
    __syncwarp();
    for (int distance = 16; distance > 0; distance /= 2) {
      if (lane < distance) best = better(best, of_thread[thread + distance]);
      if (lane < distance) of_thread[thread] = best;
      __syncwarp();
    }
    if (lane == 0) of_warp[warp] = best;
    __syncthreads();
    if (thread == 0) {
      for (int i = 1; i < kWarps; ++i) best = better(best, of_warp[i]);
      out[row] = best.value;
      at[row] = best.at;
    }
    __syncthreads();
  }
}

}  // namespace

void argmax(const float* x, float* out, int* at, int rows, int n) {
  launch(nullptr, kBlocks, kThreads, 0, argmax_kernel, x, out, at, rows, n);
}

}  // namespace mutants
