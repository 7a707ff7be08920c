#include "kernels/cpu/common/random.h"
