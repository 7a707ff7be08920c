#include "kernels/cpu/common/index_mask.h"
