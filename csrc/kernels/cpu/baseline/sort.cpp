#include "kernels/cpu/common/sort.h"
