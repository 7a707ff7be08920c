#include "kernels/cpu/common/reduce.h"
