#include "kernels/cpu/common/sequence.h"
