#include "kernels/cpu/common/embedding_bag.h"
