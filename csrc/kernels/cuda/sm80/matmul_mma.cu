// Matrix products of 16-bit floats on the tensor cores. The kernel: matmul_mma.h. Called by matmul.cu.
// Never run on a GPU yet.
#include "kernels/cuda/sm80/matmul_mma.h"

namespace hotloop::sm80 {

void matmul_mma(const MatmulArgs& args, GpuStream stream) {
  if (args.dtype == DType::f16) return run_size<half_t>(args, stream);
  run_size<bfloat16_t>(args, stream);
}

}  // namespace hotloop::sm80
