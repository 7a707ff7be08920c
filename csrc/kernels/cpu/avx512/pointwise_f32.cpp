#define HOTLOOP_ELEMENT float
#include "kernels/cpu/common/pointwise_instantiate.h"
