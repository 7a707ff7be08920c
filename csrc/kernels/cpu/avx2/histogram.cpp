#include "kernels/cpu/common/histogram.h"
