#include "kernels/cpu/common/margin_loss.h"
