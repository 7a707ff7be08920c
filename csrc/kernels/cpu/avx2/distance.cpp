#include "kernels/cpu/common/distance.h"
