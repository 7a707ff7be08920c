#define HOTLOOP_ELEMENT int32_t
#include "kernels/cpu/common/pointwise_instantiate.h"
