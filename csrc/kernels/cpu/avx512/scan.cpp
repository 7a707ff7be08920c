#include "kernels/cpu/common/scan.h"
