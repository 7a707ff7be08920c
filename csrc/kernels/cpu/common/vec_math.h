// Elementary functions over vectors of f32 and f64: one overload set, written once for every width.
// Within 2 units in the last place over the whole range of either type, subnormal results and
// arguments included; NaN gives NaN, and infinities, zeros and their signs follow C's functions.
// The polynomials are minimax fits over the reduced ranges named beside them.
#pragma once

#include "kernels/cpu/common/vec_math_erf.h"
#include "kernels/cpu/common/vec_math_exp.h"
#include "kernels/cpu/common/vec_math_log.h"
#include "kernels/cpu/common/vec_math_pow.h"
#include "kernels/cpu/common/vec_math_trig.h"
