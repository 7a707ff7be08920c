// Ends with 0 where the product is right for sizes at and around those of its tiles, under each schedule.
#include "core/half.h"
#include "kernels.h"
#include "program.h"

using namespace hotloop;
using mutants::Array;

namespace {

bool is_right(int m, int n, int k) {
  const int lda = (k + 7) / 8 * 8, ldb = (n + 7) / 8 * 8;
  const auto small = [](int64_t i) { return float(i * 7 % 9 - 4); };
  // What lies between the rows is never to be used.
  Array<bfloat16_t> a(m * lda, [&](int64_t i) { return to_bfloat16(i % lda < k ? small(i) : 1e30f); });
  Array<bfloat16_t> b(k * ldb, [&](int64_t i) { return to_bfloat16(i % ldb < n ? small(i * 5 + 2) : 1e30f); });
  Array<float> out(m * n);
  mutants::matmul(a.data(), b.data(), out.data(), m, n, k, lda, ldb);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int l = 0; l < k; ++l) sum += to_float(a[i * lda + l]) * to_float(b[l * ldb + j]);
      if (out[i * n + j] != sum) return false;
    }
  }
  return true;
}

}  // namespace

int main() {
  return mutants::run({[] { return is_right(32, 32, 32); }, [] { return is_right(32, 64, 96); },
                       [] { return is_right(33, 31, 40); }, [] { return is_right(1, 1, 1); },
                       [] { return is_right(40, 32, 33); }, [] { return is_right(31, 40, 70); }});
}
