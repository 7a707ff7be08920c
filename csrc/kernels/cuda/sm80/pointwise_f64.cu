#include "kernels/cuda/sm80/pointwise.h"

namespace hotloop::sm80 {

void pointwise_f64(PointwiseOp op, const PointwiseArgs& args, GpuStream stream) {
  launch_pointwise<double>(op, args, stream);
}

}  // namespace hotloop::sm80
