#include "kernels/cuda/sm80/pointwise.h"

namespace hotloop::sm80 {

void pointwise_i64(PointwiseOp op, const PointwiseArgs& args, GpuStream stream) {
  launch_pointwise<int64_t>(op, args, stream);
}

}  // namespace hotloop::sm80
