#include "kernels/cuda/sm80/pointwise.h"

namespace hotloop::sm80 {

void pointwise_bool(PointwiseOp op, const PointwiseArgs& args, GpuStream stream) {
  launch_pointwise<bool>(op, args, stream);
}

}  // namespace hotloop::sm80
