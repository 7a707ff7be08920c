#include "kernels/cpu/common/pad.h"
