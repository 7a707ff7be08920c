#define HOTLOOP_ELEMENT uint8_t
#include "kernels/cpu/common/pointwise_instantiate.h"
