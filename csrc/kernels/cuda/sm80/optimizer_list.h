// A list of tensors as the kernels of optimizer.cu take it: by value, in their parameters, so that one launch steps
// all of them, with nothing to copy to the GPU before. A block does one chunk of one tensor, which it finds by
// bisection. Lists of more than kManyTensors take several launches.
#pragma once

#include "kernels/args/optimizer.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/packs.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

constexpr int kListThreads = 256;
constexpr int kListRounds = 4;  // runs of 16 bytes that a thread takes of each operand

template <class T>
constexpr int kRun = 16 / int(sizeof(T));
template <class T>
constexpr int64_t kListChunk = int64_t(kListThreads) * kListRounds * kRun<T>;

struct ListTensor {
  void* param;
  void* grad;
  void* state[kMaxOptimizerStates];
  int64_t n;          // more than 0
  double rate;        // SGD: lr is multiplied by it
  uint32_t chunk;     // the first of this tensor's
  bool first, packs;  // packs: all operands are aligned to 16 bytes
};

// Few tensors make parameters of 3 KB, which are begun sooner; many of 30 KB of the 32 KB that there are.
constexpr int kFewTensors = 48, kManyTensors = 480;

template <int kMost>
struct ListTable {
  int count;
  uint32_t chunks;
  ListTensor tensors[kMost];
};

template <int kMost>
__device__ __forceinline__ const ListTensor& tensor_of_chunk(const ListTable<kMost>& table, unsigned chunk) {
  int low = 0, high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.tensors[middle].chunk <= chunk) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return table.tensors[low];
}

// Runs body(i, end) for each run of this thread in the chunk: the run begins at element i, its tensor ends at n.
template <class T, class F>
__device__ __forceinline__ void for_runs(const ListTensor& t, unsigned chunk, F body) {
  const int64_t begin = int64_t(chunk - t.chunk) * kListChunk<T>;
  const int64_t end = begin + kListChunk<T> < t.n ? begin + kListChunk<T> : t.n;
  for (int64_t i = begin + int64_t(threadIdx.x) * kRun<T>; i < end; i += int64_t(blockDim.x) * kRun<T>) body(i, t.n);
}

// Calls each(table, threads) for as many tables as the list takes.
template <class T, int kMost, class F>
void for_tables_of(const OptimizerList& list, F&& each) {
  ListTable<kMost> table;
  table.count = 0;
  table.chunks = 0;
  int64_t longest = 0;
  const auto flush = [&] {
    const int64_t runs = ((longest < kListChunk<T> ? longest : kListChunk<T>)+kRun<T> - 1) / kRun<T>;
    const int64_t threads = (runs + kWarpSize - 1) / kWarpSize * kWarpSize;
    each(table, unsigned(threads < kListThreads ? threads : kListThreads));
    table.count = 0;
    table.chunks = 0;
    longest = 0;
  };
  for (int64_t k = 0; k < list.count; ++k) {
    const OptimizerTensor& from = list.tensors[k];
    if (from.n == 0) continue;
    const int64_t chunks = (from.n + kListChunk<T> - 1) / kListChunk<T>;
    if (table.count == kMost || table.chunks + chunks > INT32_MAX) flush();
    ListTensor& to = table.tensors[table.count++];
    to = {from.param, from.grad, {}, from.n, from.rate, table.chunks, from.first, false};
    uintptr_t addresses = reinterpret_cast<uintptr_t>(from.param) | reinterpret_cast<uintptr_t>(from.grad);
    for (int s = 0; s < kMaxOptimizerStates; ++s) {
      to.state[s] = from.state[s];
      addresses |= reinterpret_cast<uintptr_t>(from.state[s]);
    }
    to.packs = addresses % 16 == 0;
    table.chunks += uint32_t(chunks);
    longest = longest < from.n ? from.n : longest;
  }
  if (table.count) flush();
}
template <class T, class F>
void for_tables(const OptimizerList& list, F&& each) {
  if (list.count <= kFewTensors) {
    for_tables_of<T, kFewTensors>(list, each);
  } else {
    for_tables_of<T, kManyTensors>(list, each);
  }
}

}  // namespace hotloop::sm80
