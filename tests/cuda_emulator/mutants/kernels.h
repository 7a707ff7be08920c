// The two kernels whose every barrier, wait and bound tests/cuda_emulator/mutants.py takes away, one at a time.
#pragma once

#include "core/dtype.h"

namespace mutants {

// out[m, n] = a[m, k] b[k, n], row by row; lda and ldb are multiples of 8 elements, and the rows' starts are aligned to
// 16 bytes.
void matmul(const hotloop::bfloat16_t* a, const hotloop::bfloat16_t* b, float* out, int m, int n, int k, int lda,
            int ldb);

// Of each row of x[rows, n]: out[row] = its largest element, at[row] = where that is first.
void argmax(const float* x, float* out, int* at, int rows, int n);

}  // namespace mutants
