#include "kernels/cpu/common/copy.h"
