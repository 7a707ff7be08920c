#include "kernels/cpu/common/optimizer.h"
