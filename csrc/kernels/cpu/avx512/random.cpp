#include "kernels/cpu/common/random.h"
#include "kernels/cpu/common/random_poisson.h"
