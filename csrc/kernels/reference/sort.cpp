// Naive sorting and searching: insertion by stable comparison, a scan from the left.
#include "kernels/args/sort.h"

#include <numeric>
#include <vector>

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

namespace {

bool is_float(DType dtype) { return dtype >= DType::f16; }

// Does element i come before element j, by value alone?
bool before(const SortArgs& args, int64_t i, int64_t j) {
  if (args.descending) std::swap(i, j);
  if (!is_float(args.dtype)) return get_integer(args.x, args.dtype, i) < get_integer(args.x, args.dtype, j);
  const double a = get(args.x, args.dtype, i), b = get(args.x, args.dtype, j);
  return a < b || (!std::isnan(a) && std::isnan(b));
}

}  // namespace

void sort(const SortArgs& args) {
  const int64_t item = args.dtype <= DType::i8                                 ? 1
                       : args.dtype == DType::f16 || args.dtype == DType::bf16 ? 2
                       : args.dtype == DType::i32 || args.dtype == DType::f32  ? 4
                                                                               : 8;
  for (int64_t r = 0; r < args.rows; ++r) {
    std::vector<int64_t> order(size_t(args.n));
    std::iota(order.begin(), order.end(), r * args.n);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return before(args, i, j); });
    for (int64_t i = args.first; i < args.k; ++i) {
      const int64_t at = r * (args.k - args.first) + i - args.first;
      args.indices[at] = order[size_t(i)] - r * args.n;
      std::memcpy(static_cast<char*>(args.values) + at * item,
                  static_cast<const char*>(args.x) + order[size_t(i)] * item, size_t(item));
    }
  }
}

void search(const SearchArgs& args) {
  for (int64_t r = 0; r < args.rows; ++r)
    for (int64_t j = r * args.m; j < (r + 1) * args.m; ++j) {
      int64_t low = 0, high = args.n;
      while (low < high) {
        const int64_t middle = (low + high) / 2, at = (args.one_line ? 0 : r * args.n) + middle;
        const bool beyond =
            is_float(args.dtype)
                ? (args.right ? get(args.sorted, args.dtype, at) > get(args.values, args.dtype, j)
                              : get(args.sorted, args.dtype, at) >= get(args.values, args.dtype, j))
                : (args.right ? get_integer(args.sorted, args.dtype, at) > get_integer(args.values, args.dtype, j)
                              : get_integer(args.sorted, args.dtype, at) >= get_integer(args.values, args.dtype, j));
        (beyond ? high : low) = beyond ? middle : middle + 1;
      }
      args.out[j] = low;
    }
}

}  // namespace hotloop::reference
