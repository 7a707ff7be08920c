#include "kernels/cpu/common/roofline.h"

namespace hotloop::HOTLOOP_ISA {

void peak_f32(const ComputeArgs& args) { fma_chains<float>(args); }
void peak_f64(const ComputeArgs& args) { fma_chains<double>(args); }
void stream_read(const StreamArgs& args) { read_stream(args); }
void stream_copy(const StreamArgs& args) { copy_stream(args); }
void stream_triad(const StreamArgs& args) { triad_stream(args); }
void stream_update(const StreamArgs& args) { update_stream(args); }

}  // namespace hotloop::HOTLOOP_ISA
