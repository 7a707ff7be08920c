#include "kernels/cpu/common/softmax_loss.h"
