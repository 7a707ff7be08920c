// Conversions of 16-bit floats, one value at a time, for scalar code. Round to nearest, ties to even;
// NaN stays NaN (quiet, sign kept), overflow gives infinity. Not inline: see core/dtype.h.
#pragma once

#include "core/dtype.h"

namespace hotloop {

float to_float(half_t x);
float to_float(bfloat16_t x);
half_t to_half(float x);
half_t to_half(double x);  // rounded once, from the double itself
bfloat16_t to_bfloat16(float x);
bfloat16_t to_bfloat16(double x);  // rounded once, from the double itself

}  // namespace hotloop
