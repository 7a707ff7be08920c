// Matrix products of f32 on the tensor cores, which take them rounded to tf32: 10 bits of fraction. The kernel:
// matmul_mma.h. Called by dispatch where the user allows it. Never run on a GPU yet.
#include "kernels/cuda/sm80/matmul_mma.h"

namespace hotloop::sm80 {

void matmul_tf32(const MatmulArgs& args, GpuStream stream) { run_size<float>(args, stream); }

}  // namespace hotloop::sm80
