// Rows and their teams (common/rows.h): each element of a row is read, held and written once, whatever the team and the
// way the row lies; reductions over a team follow each other at once.
#include <limits>

#include "emulated.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/rows.h"

using namespace hotloop;
using namespace hotloop::cuda;
using emulated::Array;

namespace {

template <class T>
struct RowsProblem {
  const T* x;  // (rows, n), of these strides; null: absent, which reads as zeros
  int64_t row_stride, stride;
  T* y;  // (rows, n): 2 x
  float *sums, *largest, *beyond;
  int64_t rows, n;
  Team team;
  bool packed;
};

// Held packs first, then those beyond, then both again: sums of x, its largest, and the sum of what is not held.
template <class T>
__global__ void work_on_rows(RowsProblem<T> p) {
  constexpr int P = Pack<T>::count;
  const int64_t row = p.team.row();
  const bool exists = row < p.rows;
  const Share share = {exists ? p.n : 0, p.team.rank(), p.team.size(), p.packed};
  const Row<const T> rows[1] = {row_at<const T>(p.x, exists ? row * p.row_stride : 0, p.stride, p.packed)};
  const Row<T> out = row_at<T>(p.y, exists ? row * p.n : 0, 1, p.packed);
  const HeldRows<kHeldPacks<T>, 1, T> held(share, rows);
  const auto over = [&](const Pack<T>& pack, int64_t k, auto op, float value) {
    for (int e = 0; e < P; ++e) {
      if (share.has<P>(k, e)) value = op(value, float(pack.x[e]));
    }
    return value;
  };
  float sum = 0, most = -std::numeric_limits<float>::infinity(), rest = 0;
  held.each([&](int64_t k, const Pack<T>(&packs)[1]) {
    sum = over(packs[0], k, Add{}, sum);
    Pack<T> twice;
    for (int e = 0; e < P; ++e) twice.x[e] = packs[0].x[e] + packs[0].x[e];
    store(share, out, k, twice);
  });
  held.each([&](int64_t k, const Pack<T>(&packs)[1]) { most = over(packs[0], k, Max{}, most); });
  held.each_beyond([&](int64_t k, const Pack<T>(&packs)[1]) { rest = over(packs[0], k, Add{}, rest); });
  // The same reduction again and again, in whose memory the one before it was.
  float total = 0;
  for (int i = 0; i < 3; ++i) total += p.team.reduce(sum, Add{}, 0.0f) * float(i + 1);
  most = p.team.reduce(most, Max{}, -std::numeric_limits<float>::infinity());
  rest = p.team.reduce(rest, Add{}, 0.0f);
  if (p.team.rank() == 0 && exists) {
    p.sums[row] = total / 6;
    p.largest[row] = most;
    p.beyond[row] = rest;
  }
}

template <class T>
void check_rows(int64_t rows, int64_t n, bool column = false, int64_t stride = 1, int64_t skew = 0,
                bool absent = false) {
  const int64_t row_stride = column ? 1 : n * stride + (skew ? 1 : 16), step = column ? rows + 3 : stride;
  const int64_t size = (rows - 1) * row_stride + (n - 1) * step + 1;
  const auto number = [](int64_t row, int64_t i) { return T((row * 5 + i * 7) % 13 - 6); };
  Array<T> x(skew + size, [](int64_t) { return T(100); }), y(rows * n);
  Array<float> sums(rows), largest(rows), beyond(rows);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < n; ++i) x[skew + row * row_stride + i * step] = number(row, i);
  const TeamPlan plan = plan_teams(rows, n, sizeof(T), kHeldPacks<T>, column);
  const RowsProblem<T> problem = {absent ? nullptr : x.data() + skew,
                                  row_stride,
                                  step,
                                  y.data(),
                                  sums.data(),
                                  largest.data(),
                                  beyond.data(),
                                  rows,
                                  n,
                                  plan.team,
                                  plan.packed};
  launch(nullptr, plan.grid, plan.block, 0, work_on_rows<T>, problem);

  // What a thread holds is the first packs of its share.
  constexpr int64_t P = Pack<T>::count;
  const int64_t threads = plan.team.column ? plan.block.y : plan.block.x;
  for (int64_t row = 0; row < rows; ++row) {
    float sum = 0, most = -std::numeric_limits<float>::infinity(), rest = 0;
    for (int64_t i = 0; i < n; ++i) {
      const float value = absent ? 0.0f : float(number(row, i));
      sum += value;
      most = value > most ? value : most;
      if (i / (P * threads) >= kHeldPacks<T>) rest += value;
      CHECK_EQUAL(float(y[row * n + i]), 2 * value);
    }
    CHECK_EQUAL(sums[row], sum);
    CHECK_EQUAL(largest[row], most);
    CHECK_EQUAL(beyond[row], rest);
  }
}

}  // namespace

TEST(rows, of_a_thread_a_warp_and_a_block) {
  emulated::under_each_schedule([] {
    check_rows<float>(5, 3);
    check_rows<float>(70, 16);
    check_rows<float>(3, 17);
    check_rows<float>(6, 64);
    check_rows<float>(2, 2048);
    check_rows<float>(2, 2047);
    check_rows<double>(3, 130);
  });
}

TEST(rows, longer_than_what_is_held) {
  emulated::under_each_schedule([] {
    check_rows<float>(1, 8192 + 512);
    check_rows<float>(1, 8192 + 7);
    check_rows<double>(1, 8192 + 2050);
    check_rows<float>(3, 3000, true);
  });
}

TEST(rows, that_lie_otherwise) {
  emulated::under_each_schedule([] {
    check_rows<float>(40, 50, true);
    check_rows<float>(33, 7, true);
    check_rows<float>(3, 96, false, 2);
    check_rows<float>(3, 96, false, 1, 1);
    check_rows<float>(2, 64, false, 1, 0, true);
    check_rows<float>(2, 30, false, 1, 0, true);
  });
}
