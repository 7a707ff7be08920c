#include "kernels/cpu/common/pointwise_strided.h"
#include "kernels/cpu/common/pointwise_table.h"
