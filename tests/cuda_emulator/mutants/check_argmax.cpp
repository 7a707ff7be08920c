// Ends with 0 where the largest elements are right for sizes at and around those of blocks, under each schedule.
#include "kernels.h"
#include "program.h"

using mutants::Array;

namespace {

bool is_right(int rows, int n) {
  Array<float> x(rows * n, [&](int64_t i) { return float(i * 37 % 101 % (n / 2 + 1)) - 200; }), out(rows);
  Array<int> at(rows);
  mutants::argmax(x.data(), out.data(), at.data(), rows, n);
  for (int row = 0; row < rows; ++row) {
    int best = 0;
    for (int i = 1; i < n; ++i) best = x[row * n + i] > x[row * n + best] ? i : best;
    if (at[row] != best || out[row] != x[row * n + best]) return false;
  }
  return true;
}

}  // namespace

int main() {
  return mutants::run({[] { return is_right(3, 128); }, [] { return is_right(7, 127); },
                       [] { return is_right(4, 129); }, [] { return is_right(1, 1); }, [] { return is_right(8, 33); },
                       [] { return is_right(5, 700); }});
}
