// Every pointwise kernel of one dtype: the including file names it, HOTLOOP_ELEMENT.
#pragma once

#include "kernels/cpu/common/pointwise_loop.h"

namespace hotloop::HOTLOOP_ISA {

#define EACH(name) pointwise_or_null<PointwiseOp::name, HOTLOOP_ELEMENT>(),
template <>
const PointwiseTable PointwiseTableOf<HOTLOOP_ELEMENT>::table = {
#include "kernels/args/pointwise.def"
};

}  // namespace hotloop::HOTLOOP_ISA
