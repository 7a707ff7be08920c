// Sorting, selecting, picking and searching against the reference: the same elements at the same places.
#include "kernels.h"
#include "kernels/args/sort.h"

HOTLOOP_TESTED_KERNEL(sort, SortArgs)
HOTLOOP_TESTED_KERNEL(pick, PickArgs)
HOTLOOP_TESTED_KERNEL(search, SearchArgs)

using namespace hotloop;
using namespace kernels;

namespace {

// Many equal numbers; of floats also NaN, infinities, and zeros of both signs.
Elements numbers_of(DType dtype, int64_t n, uint64_t seed, int64_t different) {
  Elements x(dtype, n, 1);
  Numbers numbers(seed + 1);
  constexpr double kSpecial[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, -NAN};
  for (int64_t i = 0; i < n; ++i) {
    const int64_t number = numbers.below(different) - different / 2;
    if (is_float(dtype))
      x.set(i, numbers.below(9) == 0 ? kSpecial[numbers.below(6)] : double(number) / 8);
    else if (dtype == DType::i64)
      x.data<int64_t>()[i] = number * (INT64_MAX / different);
    else
      x.set(i, dtype == DType::u8   ? double(number & 255)
               : dtype == DType::i8 ? double(int8_t(number))
                                    : double(number));
  }
  return x;
}

void compare(const Elements& values, const Elements& wanted, const Array<int64_t>& indices,
             const Array<int64_t>& wanted_indices, const std::string& what) {
  const bool good = std::memcmp(indices.data(), wanted_indices.data(), size_t(values.size()) * 8) == 0;
  if (!good || !values.same_bits(wanted)) check::report(__FILE__, __LINE__, what);
}
std::string described(DType dtype, int64_t rows, int64_t n) {
  return std::string(name(dtype)) + " (" + std::to_string(rows) + ", " + std::to_string(n) + ") ";
}

void check_sort(DType dtype, int64_t rows, int64_t n, int64_t k, bool descending, int64_t different = 50,
                int64_t first = 0) {
  const Elements x = numbers_of(dtype, rows * n, uint64_t(n + k), different);
  const size_t results = size_t(rows * (k - first));
  const Elements values(dtype, int64_t(results)), wanted(dtype, int64_t(results));
  const Array<int64_t> indices(results), wanted_indices(results);
  SortArgs args{dtype, descending, rows, n, first, k, x.data(), wanted.data(), wanted_indices.data()};
  reference::sort(args);
  args.values = values.data();
  args.indices = indices.data();
  sm80::sort(args, nullptr);
  compare(values, wanted, indices, wanted_indices,
          described(dtype, rows, n) + "k " + std::to_string(first) + " to " + std::to_string(k));
}

void check_pick(DType dtype, int64_t rows, int64_t n, int64_t different, bool numbers_only) {
  const Elements x = numbers_of(dtype, rows * n, uint64_t(n + different), different);
  for (int64_t i = 0; i < (numbers_only && is_float(dtype) ? x.size() : 0); ++i)
    if (std::isnan(x[i])) x.set(i, 1);
  for (Pick pick : {Pick::median, Pick::nanmedian, Pick::mode}) {
    const Elements values(dtype, rows), wanted(dtype, rows);
    const size_t results = size_t(rows);
    const Array<int64_t> indices(results), wanted_indices(results);
    PickArgs args{dtype, pick, rows, n, x.data(), wanted.data(), wanted_indices.data()};
    reference::pick(args);
    args.values = values.data();
    args.indices = indices.data();
    sm80::pick(args, nullptr);
    compare(values, wanted, indices, wanted_indices, described(dtype, rows, n) + "pick " + std::to_string(int(pick)));
  }
}

}  // namespace

TEST(sort, picks) {
  for (DType dtype : kEveryDType) {
    for (int64_t n : {1, 2, 3, 64, 301}) check_pick(dtype, 5, n, 20, n % 2);
    check_pick(dtype, 2, 4097, 300, dtype == DType::f32);
  }
  check_pick(DType::f32, 0, 5, 5, false);
  emulated::under_each_schedule([] { check_pick(DType::f32, 2, 300, 7, true); });
}

TEST(sort, short_lines) {
  for (DType dtype : kEveryDType) {
    for (int64_t n : {1, 2, 3, 17, 64, 130, 600}) {
      check_sort(dtype, 5, n, n, false);
      check_sort(dtype, 3, n, (n + 1) / 2, true);
    }
  }
  emulated::under_each_schedule([] {
    for (DType dtype : {DType::f16, DType::f64}) check_sort(dtype, 5, 130, 100, false);
  });
  check_sort(DType::f32, 1000, 5, 5, false);
  check_sort(DType::f32, 0, 5, 5, false);
}

TEST(sort, a_tile) {
  for (DType dtype : kEveryDType) check_sort(dtype, 2, 2048, 2048, true, 3000);
  check_sort(DType::f64, 1, 2047, 1, false);
}

TEST(sort, the_first_of_long_lines) {
  for (DType dtype : kEveryDType) check_sort(dtype, 2, 5000, 3, true);
  check_sort(DType::f32, 3, 2049, 256, false, 10000);
  check_sort(DType::i64, 1, 40000, 256, false, 10000);
  check_sort(DType::f32, 1, 40000, 1, true, 10000);
}

TEST(sort, long_lines) {
  for (DType dtype : kEveryDType) check_sort(dtype, 2, 4097, 4097, dtype == DType::i64, 100000);
  check_sort(DType::f32, 3, 9000, 300, true, 1000000);
  check_sort(DType::f16, 1, 140000, 140000, false, 5000);
  emulated::under_each_schedule([] { check_sort(DType::f32, 1, 2500, 2500, false); });
}

TEST(sort, a_part) {
  for (int64_t n : {1, 100, 3000, 5000}) {
    check_sort(DType::f32, 3, n, (n + 1) / 2, false, 1000, (n + 1) / 2 - 1);
    check_sort(DType::i8, 2, n, n, true, 100, n / 3);
  }
  check_sort(DType::f64, 2, 5000, 20, true, 1000, 10);
}

TEST(sort, search) {
  for (DType dtype : kEveryDType) {
    for (bool one_line : {false, true}) {
      for (int64_t n : {0, 1, 2, 100, 1000}) {
        const int64_t rows = 3, m = 70;
        const Elements x = numbers_of(dtype, rows * n, 5, 40), sorted(dtype, rows * n);
        const Array<int64_t> indices(size_t(rows * n + 1));
        if (n) reference::sort({dtype, false, rows, n, 0, n, x.data(), sorted.data(), indices.data()});
        const Elements values = numbers_of(dtype, rows * m, 6, 44);
        const Array<int64_t> out(size_t(rows * m)), wanted(size_t(rows * m));
        for (bool right : {false, true}) {
          SearchArgs args{dtype, right, one_line, rows, n, m, sorted.data(), values.data(), wanted.data()};
          reference::search(args);
          args.out = out.data();
          sm80::search(args, nullptr);
          CHECK(std::memcmp(out.data(), wanted.data(), size_t(rows * m) * 8) == 0);
        }
      }
    }
  }
}
