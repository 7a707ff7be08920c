// Naive sorting, picking and searching: stable sorting by comparison, a scan from the left.
#include "kernels/args/sort.h"

#include <vector>

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

namespace {

bool is_float(DType dtype) { return dtype >= DType::f16; }

// Does element i come before element j, by value alone?
bool before(const void* x, DType dtype, int64_t i, int64_t j) {
  if (!is_float(dtype)) return get_integer(x, dtype, i) < get_integer(x, dtype, j);
  const double a = get(x, dtype, i), b = get(x, dtype, j);
  return a < b || (!std::isnan(a) && std::isnan(b));
}

int64_t size_of(DType dtype) {
  return dtype <= DType::i8                            ? 1
         : dtype == DType::f16 || dtype == DType::bf16 ? 2
         : dtype == DType::i32 || dtype == DType::f32  ? 4
                                                       : 8;
}

// Where the elements of a sorted line stood, which began at `start` and were `step` apart.
std::vector<int64_t> sorted_line(const void* x, DType dtype, int64_t start, int64_t step, int64_t n, bool descending) {
  std::vector<int64_t> order(size_t(n), 0);
  for (int64_t i = 0; i < n; ++i) order[size_t(i)] = start + i * step;
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t i, int64_t j) { return descending ? before(x, dtype, j, i) : before(x, dtype, i, j); });
  return order;
}

}  // namespace

void sort(const SortArgs& args) {
  const int64_t item = size_of(args.dtype);
  for (int64_t r = 0; r < args.rows; ++r) {
    const int64_t step = args.columns, start = r / step * args.n * step + r % step;
    const std::vector<int64_t> order = sorted_line(args.x, args.dtype, start, step, args.n, args.descending);
    for (int64_t i = args.first; i < args.k; ++i) {
      const int64_t at = r * (args.k - args.first) + i - args.first;
      args.indices[at] = (order[size_t(i)] - start) / step;
      std::memcpy(static_cast<char*>(args.values) + at * item,
                  static_cast<const char*>(args.x) + order[size_t(i)] * item, size_t(item));
    }
  }
}

void pick(const PickArgs& args) {
  const int64_t item = size_of(args.dtype);
  for (int64_t r = 0; r < args.rows; ++r) {
    const std::vector<int64_t> order = sorted_line(args.x, args.dtype, r * args.n, 1, args.n, false);
    int64_t numbers = 0;
    for (int64_t at : order) numbers += !is_float(args.dtype) || !std::isnan(get(args.x, args.dtype, at));
    int64_t chosen = numbers == args.n || (args.pick == Pick::nanmedian && numbers > 0) ? (numbers - 1) / 2 : numbers;
    if (args.pick == Pick::mode) {
      chosen = 0;
      for (int64_t end = 1, begin = 0, most = 0; end <= numbers; ++end) {
        if (end < numbers && !before(args.x, args.dtype, order[size_t(begin)], order[size_t(end)])) continue;
        if (end - begin > most) most = end - begin, chosen = end - 1;
        begin = end;
      }
    }
    const int64_t at = order[size_t(chosen)];
    args.indices[r] = at - r * args.n;
    std::memcpy(static_cast<char*>(args.values) + r * item, static_cast<const char*>(args.x) + at * item, size_t(item));
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
