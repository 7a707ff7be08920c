#define HOTLOOP_ELEMENT bool
#include "kernels/cpu/common/pointwise_instantiate.h"
