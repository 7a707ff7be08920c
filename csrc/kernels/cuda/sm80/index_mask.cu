// Selection by mask (kernels/args/index.h): a block a chunk of kMaskChunk elements, of which each thread takes 4 at a
// time. Counting reads the mask once; selecting reads it again, and knows from the count where its chunk's elements
// go. Bound by memory. Called by dispatch/index.cpp. Never run on a GPU yet.
#include "kernels/args/index.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/packs.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kThreads = 512;
constexpr int kMaskRun = 4;

// Blocks of kMaskChunk elements; small masks take few threads.
Grid mask_grid(int64_t n) {
  const int64_t longest = n < kMaskChunk ? n : kMaskChunk;
  return {blocks_for(n, kMaskChunk), grid_for((longest + kMaskRun - 1) / kMaskRun, kThreads).threads};
}

// Sums over the threads before this one, in blocks of any number of warps; `total` is that of all.
__device__ __forceinline__ unsigned sum_before(unsigned value, unsigned& total) {
  SHARED(unsigned[kWarpSize], of_warp);
  const unsigned lane = lane_index(), warp = threadIdx.x / kWarpSize;
  const unsigned until = warp_scan(value, Add{});
  __syncthreads();  // the last call's have been read
  if (lane == kWarpSize - 1) of_warp[warp] = until;
  __syncthreads();
  const unsigned sums = warp_scan(lane < blockDim.x / kWarpSize ? of_warp[lane] : 0u, Add{});
  total = shuffle_from(sums, kWarpSize - 1);
  const unsigned before = shuffle_from(sums, int(warp) - 1);
  return until - value + (warp == 0 ? 0 : before);
}

__global__ void __launch_bounds__(kThreads) count_chunks(const bool* mask, int64_t n, bool packs, int64_t* offsets) {
  const int64_t begin = blockIdx.x * kMaskChunk, end = begin + kMaskChunk < n ? begin + kMaskChunk : n;
  unsigned count = 0, total;
  for (int64_t i = begin + threadIdx.x * kMaskRun; i < end; i += int64_t(blockDim.x) * kMaskRun) {
    bool set[kMaskRun];
    load_elements(mask, i, n, packs, set);
#pragma unroll
    for (int j = 0; j < kMaskRun; ++j) count += set[j];
  }
  sum_before(count, total);
  if (threadIdx.x == 0) offsets[blockIdx.x] = total;
}

// One block: counts become offsets, with the number of all at the end.
__global__ void __launch_bounds__(kThreads) sum_chunks(int64_t* offsets, int64_t chunks) {
  int64_t before = 0;
  for (int64_t first = 0; first < chunks; first += blockDim.x) {
    const int64_t c = first + threadIdx.x;
    unsigned total;
    const unsigned own = sum_before(c < chunks ? unsigned(offsets[c]) : 0u, total);
    if (c < chunks) offsets[c] = before + own;
    before += total;
  }
  if (threadIdx.x == 0) offsets[chunks] = before;
}

// Calls each(i, k) for element i, the k-th that is set.
template <class F>
__device__ __forceinline__ void for_set(const bool* mask, int64_t n, bool packs, const int64_t* offsets, F each) {
  const int64_t begin = blockIdx.x * kMaskChunk, end = begin + kMaskChunk < n ? begin + kMaskChunk : n;
  int64_t before = offsets[blockIdx.x];
  for (int64_t first = begin; first < end; first += int64_t(blockDim.x) * kMaskRun) {
    const int64_t i = first + threadIdx.x * kMaskRun;
    bool set[kMaskRun];
    load_elements(mask, i, n, packs, set);
    unsigned count = 0, total;
#pragma unroll
    for (int j = 0; j < kMaskRun; ++j) count += set[j];
    int64_t k = before + sum_before(count, total);
#pragma unroll
    for (int j = 0; j < kMaskRun; ++j) {
      if (set[j]) each(i + j, k++);
    }
    before += total;
  }
}

template <class Word>
__global__ void __launch_bounds__(kThreads)
    select(const bool* mask, int64_t n, bool packs, const int64_t* offsets, const Word* x, Word* out) {
  for_set(mask, n, packs, offsets, [=](int64_t i, int64_t k) { out[k] = x[i]; });
}

struct Sizes {
  int ndim;
  int64_t of[kIndexMaxDims];
};

__global__ void __launch_bounds__(kThreads) list_set(const bool* mask, int64_t n, bool packs, const int64_t* offsets,
                                                     const __grid_constant__ Sizes sizes, int64_t* indices) {
  for_set(mask, n, packs, offsets, [&](int64_t i, int64_t k) {
    int64_t* const to = indices + k * sizes.ndim;
    for (int d = sizes.ndim - 1; d > 0; --d) {
      const int64_t outer = i < INT64_C(1) << 32 ? uint32_t(i) / uint32_t(sizes.of[d]) : i / sizes.of[d];
      to[d] = i - outer * sizes.of[d];
      i = outer;
    }
    if (sizes.ndim > 0) to[0] = i;
  });
}

}  // namespace

void count_mask(const MaskArgs& args, GpuStream stream) {
  const Grid grid = mask_grid(args.n);
  launch(stream, grid.blocks, grid.threads, 0, count_chunks, args.mask, args.n, aligned_for_packs(args.mask),
         args.offsets);
  launch(stream, 1, grid_for(grid.blocks, kThreads).threads, 0, sum_chunks, args.offsets, int64_t(grid.blocks));
}

void mask_select(const MaskArgs& args, GpuStream stream) {
  const Grid grid = mask_grid(args.n);
  with_dtype(args.dtype, [&](auto element) {
    using Word = std::conditional_t<sizeof(element) == 1, uint8_t,
                                    std::conditional_t<sizeof(element) == 2, uint16_t,
                                                       std::conditional_t<sizeof(element) == 4, uint32_t, uint64_t>>>;
    launch(stream, grid.blocks, grid.threads, 0, select<Word>, args.mask, args.n, aligned_for_packs(args.mask),
           static_cast<const int64_t*>(args.offsets), static_cast<const Word*>(args.x), static_cast<Word*>(args.out));
  });
}

void mask_nonzero(const MaskArgs& args, GpuStream stream) {
  const Grid grid = mask_grid(args.n);
  Sizes sizes{args.ndim, {}};
  for (int d = 0; d < args.ndim; ++d) sizes.of[d] = args.sizes[d];
  launch(stream, grid.blocks, grid.threads, 0, list_set, args.mask, args.n, aligned_for_packs(args.mask),
         static_cast<const int64_t*>(args.offsets), sizes, args.indices);
}

}  // namespace hotloop::sm80
