#define HOTLOOP_ELEMENT int8_t
#include "kernels/cpu/common/pointwise_instantiate.h"
