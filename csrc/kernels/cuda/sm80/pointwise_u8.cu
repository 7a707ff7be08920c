#include "kernels/cuda/sm80/pointwise.h"

namespace hotloop::sm80 {

void pointwise_u8(PointwiseOp op, const PointwiseArgs& args, GpuStream stream) {
  launch_pointwise<uint8_t>(op, args, stream);
}

}  // namespace hotloop::sm80
