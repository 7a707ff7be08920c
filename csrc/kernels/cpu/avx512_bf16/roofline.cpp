#include "kernels/cpu/common/roofline.h"

namespace hotloop::HOTLOOP_ISA {

void peak_bf16(const ComputeArgs& args) { bf16_dot_chains(args); }

}  // namespace hotloop::HOTLOOP_ISA
