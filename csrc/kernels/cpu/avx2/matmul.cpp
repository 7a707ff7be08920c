#include "kernels/cpu/common/matmul.h"
