// arange and linspace (kernels/args/sequence.h): every element by itself, in f64 or int64 as on the CPU. Bound: memory.
// Never run on a GPU yet.
#include "kernels/args/sequence.h"

#include "kernels/cuda/common/elements.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

template <class T>
__global__ void __launch_bounds__(kElementThreads) sequence_kernel(const __grid_constant__ SequenceArgs s) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= s.n) return;
  T* const out = static_cast<T*>(s.out);
  if (s.whole)
    out[i] = convert<T>(s.n_start + i * s.n_step);
  else if (s.from_end && i >= s.n - s.n / 2)
    out[i] = convert<T>(s.end - double(s.n - 1 - i) * s.step);
  else
    out[i] = convert<T>(s.start + double(i) * s.step);
}

}  // namespace

void sequence(const SequenceArgs& args, GpuStream stream) {
  const ElementGrid grid = element_grid(args.n, 1);
  with_dtype(args.dtype, [&]<class T>(T) { launch(stream, grid.blocks, grid.threads, 0, sequence_kernel<T>, args); });
}

}  // namespace hotloop::sm80
