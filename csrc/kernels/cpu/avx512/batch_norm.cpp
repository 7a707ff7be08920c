#include "kernels/cpu/common/batch_norm.h"
