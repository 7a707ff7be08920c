#include "kernels/cpu/common/ctc.h"
