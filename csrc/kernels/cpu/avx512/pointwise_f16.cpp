#define HOTLOOP_ELEMENT half_t
#include "kernels/cpu/common/pointwise_instantiate.h"
