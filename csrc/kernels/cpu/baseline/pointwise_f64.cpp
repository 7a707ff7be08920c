#define HOTLOOP_ELEMENT double
#include "kernels/cpu/common/pointwise_instantiate.h"
