#define HOTLOOP_ELEMENT int64_t
#include "kernels/cpu/common/pointwise_instantiate.h"
