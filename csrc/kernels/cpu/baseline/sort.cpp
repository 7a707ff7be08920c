#include "kernels/cpu/common/sort_pick.h"
