#define HOTLOOP_ELEMENT bfloat16_t
#include "kernels/cpu/common/pointwise_instantiate.h"
