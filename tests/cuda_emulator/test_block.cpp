// The building blocks of common/block.h, and conversions of 16-bit floats.
#include <cmath>
#include <limits>

#include "emulated.h"
#include "kernels/cuda/common/block.h"
#include "kernels/cuda/common/launch.h"

using namespace hotloop;
using namespace hotloop::cuda;
using emulated::Array;

namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void reduce(const T* x, T* sums, T* largest) {
  const int i = int(threadIdx.x);
  sums[i] = block_reduce<kThreads>(x[i], Add{}, T(0));
  largest[i] = block_reduce<kThreads>(x[i], Max{}, std::numeric_limits<T>::lowest());
}

// Each call finds the shared memory of the one before it in use.
__global__ void reduce_and_scan_often(int64_t* out) {
  int64_t sum = threadIdx.x, total = 0;
  for (int i = 0; i < 3; ++i) {
    sum = block_reduce<kThreads>(sum + threadIdx.x, Add{}, int64_t(0)) % 1000;
    sum += block_exclusive_scan<kThreads>(int64_t(threadIdx.x), Add{}, int64_t(0), total);
  }
  out[threadIdx.x] = sum + total;
}

__global__ void reduce_often(int64_t* out) {
  int64_t sum = threadIdx.x;
  for (int i = 0; i < 4; ++i) sum = block_reduce<kThreads>(sum + threadIdx.x, Add{}, int64_t(0)) % 1000;
  out[threadIdx.x] = sum;
}

__global__ void scan_often(int64_t* out) {
  int64_t sum = threadIdx.x, total;
  for (int i = 0; i < 4; ++i) sum = block_exclusive_scan<kThreads>(sum % 97, Add{}, int64_t(0), total);
  out[threadIdx.x] = sum;
}

struct Moments {
  double count, sum, squares;
};
struct AddMoments {
  __device__ Moments operator()(Moments a, Moments b) const {
    return {a.count + b.count, a.sum + b.sum, a.squares + b.squares};
  }
};

__global__ void moments(const double* x, double* out) {
  const double value = x[threadIdx.x];
  const Moments m = block_reduce<kThreads>(Moments{1, value, value * value}, AddMoments{}, Moments{0, 0, 0});
  if (threadIdx.x == 0) out[0] = m.count, out[1] = m.sum, out[2] = m.squares;
}

template <class T>
__global__ void scan(const T* x, T* before, T* totals) {
  T total;
  before[threadIdx.x] = block_exclusive_scan<kThreads>(x[threadIdx.x], Add{}, T(0), total);
  totals[threadIdx.x] = total;
}

template <class T>
__global__ void copy_packs(const T* x, T* y, int64_t packs) {
  constexpr int kCount = Pack<T>::count;
  for (int64_t i = grid_index(); i < packs; i += grid_stride()) {
    store_pack<kCount>(y + i * kCount, load_pack<kCount>(x + i * kCount));
  }
}

template <class T>
void check_reduce() {
  Array<T> x(kThreads, [](size_t i) { return T(int(i * 37 % 101) - 50); }), sums(kThreads), largest(kThreads);
  T sum = 0;
  for (size_t i = 0; i < kThreads; ++i) sum += x[i];
  launch(nullptr, 1, kThreads, 0, reduce<T>, x.data(), sums.data(), largest.data());
  for (size_t i = 0; i < kThreads; ++i) {
    CHECK_EQUAL(sums[i], sum);
    CHECK_EQUAL(largest[i], T(50));
  }
}

template <class T>
void check_scan() {
  Array<T> x(kThreads, [](size_t i) { return T(i * 37 % 101); }), before(kThreads), totals(kThreads);
  launch(nullptr, 1, kThreads, 0, scan<T>, x.data(), before.data(), totals.data());
  T sum = 0;
  for (size_t i = 0; i < kThreads; ++i) {
    CHECK_EQUAL(before[i], sum);
    sum += x[i];
  }
  for (size_t i = 0; i < kThreads; ++i) CHECK_EQUAL(totals[i], sum);
}

}  // namespace

TEST(block, reductions) {
  emulated::under_each_schedule([] {
    check_reduce<float>();
    check_reduce<double>();
    check_reduce<int64_t>();
    Array<double> x(kThreads, [](size_t i) { return double(i); }), out(3);
    launch(nullptr, 1, kThreads, 0, moments, x.data(), out.data());
    CHECK_EQUAL(out[0], 256.0);
    CHECK_EQUAL(out[1], 255.0 * 128);
    CHECK_EQUAL(out[2], 255.0 * 256 * 511 / 6);
  });
}

TEST(block, one_call_after_another) {
  emulated::under_each_schedule([] {
    Array<int64_t> out(kThreads);
    launch(nullptr, 1, kThreads, 0, reduce_and_scan_often, out.data());
    std::vector<int64_t> sums(kThreads);
    for (int64_t t = 0; t < kThreads; ++t) sums[size_t(t)] = t;
    for (int i = 0; i < 3; ++i) {
      int64_t sum = 0;
      for (int64_t t = 0; t < kThreads; ++t) sum += sums[size_t(t)] + t;
      for (int64_t t = 0; t < kThreads; ++t) sums[size_t(t)] = sum % 1000 + t * (t - 1) / 2;
    }
    for (int64_t t = 0; t < kThreads; ++t) CHECK_EQUAL(out[t], sums[size_t(t)] + 255 * 128);
  });
}

TEST(block, the_same_call_again) {
  emulated::under_each_schedule([] {
    Array<int64_t> out(kThreads);
    launch(nullptr, 1, kThreads, 0, reduce_often, out.data());
    int64_t common = 0;
    for (int i = 0; i < 4; ++i) {
      int64_t sum = 0;
      for (int64_t t = 0; t < kThreads; ++t) sum += (i == 0 ? t : common) + t;
      common = sum % 1000;
    }
    for (int64_t t = 0; t < kThreads; ++t) CHECK_EQUAL(out[t], common);
    launch(nullptr, 1, kThreads, 0, scan_often, out.data());
    std::vector<int64_t> wanted(kThreads);
    for (int64_t t = 0; t < kThreads; ++t) wanted[size_t(t)] = t;
    for (int i = 0; i < 4; ++i) {
      int64_t sum = 0;
      for (int64_t& value : wanted) {
        const int64_t own = value % 97;
        value = sum;
        sum += own;
      }
    }
    for (int64_t t = 0; t < kThreads; ++t) CHECK_EQUAL(out[t], wanted[size_t(t)]);
  });
}

TEST(block, a_nan_wins_max) {
  Array<float> x(kThreads, [](size_t i) { return i == 77 ? NAN : float(i); }), sums(kThreads), largest(kThreads);
  launch(nullptr, 1, kThreads, 0, reduce<float>, x.data(), sums.data(), largest.data());
  for (size_t i = 0; i < kThreads; ++i) CHECK(std::isnan(largest[i]));
}

TEST(block, scans) {
  emulated::under_each_schedule([] {
    check_scan<float>();
    check_scan<double>();
    check_scan<int64_t>();
  });
}

TEST(block, packs) {
  Array<uint16_t> x(8 * 1000, [](size_t i) { return uint16_t(i); }), y(8 * 1000);
  launch(nullptr, blocks_for(1000, kThreads, 2), kThreads, 0, copy_packs<uint16_t>, x.data(), y.data(), 1000);
  for (size_t i = 0; i < y.size(); ++i) CHECK_EQUAL(y[i], uint16_t(i));
}
