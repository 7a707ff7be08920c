#include "kernels/cuda/sm80/pointwise.h"

namespace hotloop::sm80 {

void pointwise_f32(PointwiseOp op, const PointwiseArgs& args, GpuStream stream) {
  launch_pointwise<float>(op, args, stream);
}

}  // namespace hotloop::sm80
