// Sorting, selecting and searching lines.
#pragma once

#include "core/dtype.h"

namespace hotloop {

// Elements [first, k) of each sorted line of n elements. Always stable: of equal elements, the one that came first;
// -0 equals 0; NaN is larger than every number, so it comes last, or first where descending.
struct SortArgs {
  DType dtype;
  bool descending;
  int64_t rows, n, first, k;  // 0 <= first < k <= n
  const void* x;              // (rows / columns, n, columns), contiguous
  void* values;               // (rows, k - first), contiguous, of dtype; not x
  int64_t* indices;           // (rows, k - first), contiguous: where each was in its line
  int64_t columns = 1;        // lines side by side; a GPU takes them one behind another
};

enum class Pick : uint8_t { median, nanmedian, mode };

// One element of each line, and where it was: of equal ones the mode's last, and that one which sorting stably would leave
// in the median's place; of several NaNs the first.
//   median     the one in the middle of the sorted line, the lower of two; NaN where there is one
//   nanmedian  the same of the numbers; NaN where there are none
//   mode       the most frequent, the least of several. Every NaN is a value of its own.
struct PickArgs {
  DType dtype;
  Pick pick;
  int64_t rows, n;   // n > 0
  const void* x;     // (rows, n), contiguous
  void* values;      // (rows), of dtype
  int64_t* indices;  // (rows)
};

// out[r, j] = how many elements of line r of `sorted` are below values[r, j] (right: not above it), by bisection.
// Lines are ascending; what is not ordered compares false, so that a NaN value is beyond all.
struct SearchArgs {
  DType dtype;  // of sorted and values
  bool right;
  bool one_line;  // `sorted` has one line (n), which serves all rows
  int64_t rows, n, m;
  const void* sorted;  // (rows, n), contiguous
  const void* values;  // (rows, m), contiguous
  int64_t* out;        // (rows, m), contiguous
};

}  // namespace hotloop
