#include "kernels/cpu/common/norm.h"
