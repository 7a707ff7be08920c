// Launches: indices, sizes, shared memory, what the lanes of a warp do together.
#include "emulated.h"
#include "kernels/cuda/common/launch.h"

using namespace hotloop;
using namespace hotloop::cuda;
using emulated::Array;

namespace {

__global__ void write_indices(uint4* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = make_uint4(block, threadIdx.x, threadIdx.y, threadIdx.z);
}

__global__ void rotate(const int* x, int* out, int by) {
  SHARED(int[256], held);
  DYNAMIC_SHARED(int, also_held);
  held[threadIdx.x] = x[blockIdx.x * 256 + threadIdx.x];
  also_held[threadIdx.x] = 1;
  __syncthreads();
  const int from = (threadIdx.x + by) % 256;
  out[blockIdx.x * 256 + threadIdx.x] = held[from] + also_held[from];
}

template <class T>
__global__ void warp_sum(const T* x, T* out) {
  T sum = x[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  out[threadIdx.x] = sum;
}

__global__ void count_up(int* counter, int* order) { order[atomicAdd(counter, 1)] = 1; }

}  // namespace

TEST(launch, every_thread_knows_its_place) {
  emulated::under_each_schedule([] {
    Array<uint4> out(2 * 3 * 2 * 64);
    launch(nullptr, dim3(2, 3, 2), dim3(8, 4, 2), 0, write_indices, out.data());
    int wrong = 0;
    for (unsigned i = 0; i < out.size(); ++i) {
      wrong += out[i].x != i / 64 || out[i].y != i % 8 || out[i].z != i / 8 % 4 || out[i].w != i / 32 % 2;
    }
    CHECK_EQUAL(wrong, 0);
  });
}

TEST(launch, shared_memory_and_barriers) {
  emulated::under_each_schedule([] {
    Array<int> x(1024, [](size_t i) { return int(i); }), out(1024);
    launch(nullptr, 4, 256, 256 * sizeof(int), rotate, x.data(), out.data(), 77);
    int wrong = 0;
    for (int i = 0; i < 1024; ++i) wrong += out[size_t(i)] != i / 256 * 256 + (i + 77) % 256 + 1;
    CHECK_EQUAL(wrong, 0);
  });
}

TEST(launch, shuffles) {
  emulated::under_each_schedule([] {
    Array<double> x(64, [](size_t i) { return double(i); }), out(64);
    launch(nullptr, 1, 64, 0, warp_sum<double>, x.data(), out.data());
    for (int i = 0; i < 64; ++i) CHECK_EQUAL(out[i], i < 32 ? 496.0 : 496.0 + 32 * 32);
  });
}

TEST(launch, atomics) {
  emulated::under_each_schedule([] {
    Array<int> counter(1, [](size_t) { return 0; }), order(1000, [](size_t) { return 0; });
    launch(nullptr, 10, 100, 0, count_up, counter.data(), order.data());
    CHECK_EQUAL(counter[0], 1000);
    for (size_t i = 0; i < 1000; ++i) CHECK_EQUAL(order[i], 1);
  });
}

TEST(launch, sizes_are_checked) {
  CHECK(check::message_of<ValueError>([] { launch(nullptr, 1, 1025, 0, write_indices, nullptr); }).find("1024") !=
        std::string::npos);
  CHECK(check::message_of<ValueError>([] { launch(nullptr, 1, 32, 300000, write_indices, nullptr); }).find("300000") !=
        std::string::npos);
  launch(nullptr, 0, 32, 0, write_indices, nullptr);  // no blocks, no launch
}
