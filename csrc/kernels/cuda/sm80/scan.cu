// Running sums, products, extremes and logsumexp over the middle dim of (outer, n, inner) (kernels/args/scan.h).
//
// Lines of adjacent elements are a warp's or a block's, which walks them in tiles: each warp has kItems times 32
// elements of a tile next to each other, scans them 32 at a time, and takes what the warps before it came to. Lines
// that lie side by side, and very short ones, are a thread's each. A long line is cut into chunks, as n and the layout
// alone say: a first launch finds what each chunk comes to, a second what comes before it, the third scans from there.
// Bound by memory, which long lines read twice. Called by dispatch/scan.cpp. Never run on a GPU yet.
#include "kernels/args/scan.h"

#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kItems = 4;                // elements of a thread in a tile
constexpr int kThreads = 256;            // of a block, or of as many lines' warps as fit
constexpr int kAtOnce = 8;               // elements that a thread of its own line loads together
constexpr int64_t kShortLine = 16;       // a thread's at most
constexpr int64_t kLineChunk = 1 << 14;  // elements of a chunk that is a block's
constexpr int64_t kThreadChunk = 1024;   // and of one that is a thread's
constexpr int64_t kMostChunks = 1024;

// --- what is scanned: states of elements, combined in order ---------------------------------------------
// A is double for floats, uint64_t (wrapping) or int64_t (compared) for the others.

template <class A>
struct Sum {
  using Number = A;
  using State = A;
  static __device__ __forceinline__ State none() { return A(0); }
  static __device__ __forceinline__ State of(A x, int64_t) { return x; }
  __device__ __forceinline__ State operator()(State a, State b) const { return a + b; }
  static __device__ __forceinline__ A result(State state) { return state; }
};

template <class A>
struct Product {
  using Number = A;
  using State = A;
  static __device__ __forceinline__ State none() { return A(1); }
  static __device__ __forceinline__ State of(A x, int64_t) { return x; }
  __device__ __forceinline__ State operator()(State a, State b) const { return a * b; }
  static __device__ __forceinline__ A result(State state) { return state; }
};

// The later of equal elements; once there was a NaN, the latest NaN.
template <class A>
struct Extreme {
  using Number = A;
  struct State {
    A value;
    int64_t index;  // -1: of no elements
  };
  bool maximum;
  static __device__ __forceinline__ State none() { return {A(0), -1}; }
  static __device__ __forceinline__ State of(A x, int64_t i) { return {x, i}; }
  __device__ __forceinline__ State operator()(State a, State b) const {
    if (b.index < 0) return a;
    const bool beyond = maximum ? b.value >= a.value : b.value <= a.value;
    return a.index < 0 || b.value != b.value || (a.value == a.value && beyond) ? b : a;
  }
  static __device__ __forceinline__ A result(State state) { return state.value; }
};

// The largest, and the sum of exponentials relative to it.
struct LogSumExp {
  using Number = double;
  struct State {
    double largest, sum;
  };
  static __device__ __forceinline__ State none() { return {-math::infinity<double>(), 0}; }
  static __device__ __forceinline__ State of(double x, int64_t) { return {x, 1}; }
  __device__ __forceinline__ State operator()(State a, State b) const {
    const double largest = math::maximum(a.largest, b.largest);  // NaN wins
    const double a_scale = a.largest == largest ? 1 : math::exp(a.largest - largest);
    const double b_scale = b.largest == largest ? 1 : math::exp(b.largest - largest);
    return {largest, a.sum * a_scale + b.sum * b_scale};
  }
  static __device__ __forceinline__ double result(State state) { return state.largest + math::log(state.sum); }
};

// --- elements of any dtype -------------------------------------------------------------------------------

template <class A>
__device__ __forceinline__ A load_number(const void* p, DType dtype, int64_t i) {
  if constexpr (std::is_floating_point_v<A>) {
    switch (dtype) {
      case DType::f16: return convert<A>(static_cast<const half_t*>(p)[i]);
      case DType::bf16: return convert<A>(static_cast<const bfloat16_t*>(p)[i]);
      case DType::f32: return A(static_cast<const float*>(p)[i]);
      default: return static_cast<const double*>(p)[i];
    }
  } else {
    switch (dtype) {
      case DType::i8: return A(static_cast<const int8_t*>(p)[i]);
      case DType::i32: return A(static_cast<const int32_t*>(p)[i]);
      case DType::i64: return A(static_cast<const int64_t*>(p)[i]);
      default: return A(static_cast<const uint8_t*>(p)[i]);  // bool too
    }
  }
}
template <class A>
__device__ __forceinline__ void store_number(void* p, DType dtype, int64_t i, A x) {
  if constexpr (std::is_floating_point_v<A>) {
    switch (dtype) {
      case DType::f16: static_cast<half_t*>(p)[i] = convert<half_t>(x); break;
      case DType::bf16: static_cast<bfloat16_t*>(p)[i] = convert<bfloat16_t>(x); break;
      case DType::f32: static_cast<float*>(p)[i] = float(x); break;
      default: static_cast<double*>(p)[i] = x;
    }
  } else {
    switch (dtype) {
      case DType::i8: static_cast<int8_t*>(p)[i] = int8_t(x); break;
      case DType::i32: static_cast<int32_t*>(p)[i] = int32_t(x); break;
      case DType::i64: static_cast<int64_t*>(p)[i] = int64_t(x); break;
      default: static_cast<uint8_t*>(p)[i] = uint8_t(x);
    }
  }
}
template <class Op>
__device__ __forceinline__ void store_result(const ScanArgs& args, int64_t at, const typename Op::State& state) {
  store_number(args.out, args.out_dtype, at, Op::result(state));
  if constexpr (std::is_same_v<Op, Extreme<typename Op::Number>>) args.indices[at] = state.index;
}

// --- kernels ---------------------------------------------------------------------------------------------
// Both kinds: block row y of the grid has chunk y of its lines. `chunks` is (chunks, lines), null where there is one:
// what each comes to, written where `totals` says so, else what comes before it.

template <class Op>
__global__ void __launch_bounds__(kThreads)
    scan_lines(ScanArgs args, Op op, int64_t chunk, typename Op::State* chunks, bool totals) {
  using State = typename Op::State;
  const int64_t lines = args.outer, line = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  if (line >= lines) return;  // a whole warp, in a block of one warp a line
  const unsigned lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize, warps = blockDim.x / kWarpSize;
  const int64_t begin = blockIdx.y * chunk, end = begin + chunk < args.n ? begin + chunk : args.n;
  const int64_t of_chunk = blockIdx.y * lines + line, first = line * args.n;
  SHARED(State[kThreads / kWarpSize], of_warp);

  State before = chunks && !totals ? chunks[of_chunk] : op.none();
  for (int64_t tile = begin; tile < end; tile += blockDim.x * kItems) {
    const int64_t mine = tile + warp * kWarpSize * kItems + lane;
    State held[kItems];
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
      const int64_t at = mine + i * kWarpSize;
      held[i] = at < end ? op.of(load_number<typename Op::Number>(args.x, args.dtype, first + at), at) : op.none();
    }
    State total = op.none();  // of the warp
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
      held[i] = op(total, warp_scan(held[i], op));
      total = shuffle_from(held[i], kWarpSize - 1);
    }
    State before_warp = before;
    if (warps > 1) {
      __syncthreads();  // the last tile's have been read
      if (lane == 0) of_warp[warp] = total;
      __syncthreads();
      total = op.none();
      for (unsigned w = 0; w < warps; ++w) {
        if (w == warp) before_warp = op(before, total);
        total = op(total, of_warp[w]);
      }
    }
    before = op(before, total);
    if (totals) continue;
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
      const int64_t at = mine + i * kWarpSize;
      if (at < end) store_result<Op>(args, first + at, op(before_warp, held[i]));
    }
  }
  if (totals && threadIdx.x == 0) chunks[of_chunk] = before;
}

template <class Op>
__global__ void __launch_bounds__(kThreads)
    scan_threads(ScanArgs args, Op op, int64_t chunk, typename Op::State* chunks, bool totals) {
  using State = typename Op::State;
  const int64_t lines = args.outer * args.inner, line = grid_index();
  if (line >= lines) return;
  const int64_t begin = blockIdx.y * chunk, end = begin + chunk < args.n ? begin + chunk : args.n;
  const int64_t of_chunk = blockIdx.y * lines + line, outer = args.inner == 1 ? line : line / args.inner;
  const int64_t first = outer * args.n * args.inner + (line - outer * args.inner);

  State state = chunks && !totals ? chunks[of_chunk] : op.none();
  for (int64_t group = begin; group < end; group += kAtOnce) {
    State next[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int64_t at = group + i;
      next[i] = at < end ? op.of(load_number<typename Op::Number>(args.x, args.dtype, first + at * args.inner), at)
                         : op.none();
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      if (group + i >= end) break;
      state = op(state, next[i]);
      if (!totals) store_result<Op>(args, first + (group + i) * args.inner, state);
    }
  }
  if (totals) chunks[of_chunk] = state;
}

// A warp a line: from what each chunk comes to, to what comes before it.
template <class Op>
__global__ void __launch_bounds__(kThreads)
    scan_chunks(Op op, int64_t lines, int64_t count, typename Op::State* chunks) {
  using State = typename Op::State;
  const int64_t line = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  if (line >= lines) return;
  const unsigned lane = threadIdx.x;
  State before = op.none();
  for (int64_t first = 0; first < count; first += kWarpSize) {
    const int64_t at = (first + lane) * lines + line;
    const bool exists = first + lane < count;
    const State up_to = warp_scan(exists ? chunks[at] : op.none(), op), below = shuffle_up(up_to, 1);
    if (exists) chunks[at] = lane == 0 ? before : op(before, below);
    before = op(before, shuffle_from(up_to, kWarpSize - 1));
  }
}

// --- on the host -----------------------------------------------------------------------------------------

template <class Op>
void scan_by(const ScanArgs& args, const Op& op, GpuStream stream) {
  using State = typename Op::State;
  const int64_t lines = args.outer * args.inner;
  if (lines == 0 || args.n == 0) return;
  const bool threads = args.inner > 1 || args.n <= kShortLine;
  int64_t chunk = threads ? kThreadChunk : kLineChunk;
  while (chunk * kMostChunks < args.n) chunk *= 2;
  const int64_t count = blocks_for(args.n, chunk);
  const gpu::Scratch scratch(count > 1 ? size_t(count * lines) * sizeof(State) : 0, gpu::current_device(), stream);
  State* chunks = scratch.data<State>();

  dim3 block, grid;
  if (threads) {
    block = unsigned(kWarpSize * blocks_for(lines, kWarpSize, kThreads / kWarpSize));
    grid = blocks_for(lines, block.x);
  } else {
    const unsigned warps = blocks_for(args.n, kWarpSize * kItems, kThreads / kWarpSize);
    const int64_t together = warps > 1 ? 1 : lines < kThreads / kWarpSize ? lines : kThreads / kWarpSize;
    block = dim3(kWarpSize * warps, unsigned(together));
    grid = blocks_for(lines, together);
  }
  grid.y = unsigned(count);
  const auto run = [&](bool totals) {
    launch(stream, grid, block, 0, threads ? scan_threads<Op> : scan_lines<Op>, args, op, chunk, chunks, totals);
  };
  if (count > 1) {
    run(true);
    const dim3 warps(kWarpSize, lines < kThreads / kWarpSize ? unsigned(lines) : kThreads / kWarpSize);
    launch(stream, blocks_for(lines, warps.y), warps, 0, scan_chunks<Op>, op, lines, count, chunks);
  }
  run(false);
}

}  // namespace

void scan(const ScanArgs& args, GpuStream stream) {
  const bool floats = args.dtype >= DType::f16, maximum = args.op == ScanOp::max;
  switch (args.op) {
    case ScanOp::sum: return floats ? scan_by(args, Sum<double>{}, stream) : scan_by(args, Sum<uint64_t>{}, stream);
    case ScanOp::prod:
      return floats ? scan_by(args, Product<double>{}, stream) : scan_by(args, Product<uint64_t>{}, stream);
    case ScanOp::max:
    case ScanOp::min:
      return floats ? scan_by(args, Extreme<double>{maximum}, stream)
                    : scan_by(args, Extreme<int64_t>{maximum}, stream);
    case ScanOp::logsumexp: return scan_by(args, LogSumExp{}, stream);
  }
}

}  // namespace hotloop::sm80
