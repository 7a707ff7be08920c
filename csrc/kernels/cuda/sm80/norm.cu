// Layer norm and RMS norm over the last dim of (rows, n), forward and backward (kernels/args/norm.h).
//
// A team of threads a row (common/rows.h), forward and for grad_x: rows of up to 512 threads x 16 elements, 8
// backward, are read once and held in registers. grad_weight and grad_bias are sums over rows: a block has a tile of
// columns, whose packs lie side by side, and a chunk of rows of a size that depends on their number alone; a second
// pass sums the chunks. Bound by memory: backward reads x and grad_out twice. Called by dispatch/norm.cpp. Never run
// on a GPU yet.
#include "kernels/args/norm.h"

#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"
#include "kernels/cuda/common/rows.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr unsigned kColumnThreads = 256;  // of a block that sums over rows
constexpr int64_t kLeastChunk = 64;       // rows
constexpr int64_t kMostChunks = 512;

template <class C>
struct Two {
  C weight, bias;
};
struct AddTwo {
  template <class C>
  __device__ __forceinline__ Two<C> operator()(Two<C> a, Two<C> b) const {
    return {a.weight + b.weight, a.bias + b.bias};
  }
};

template <class T>
__global__ void __launch_bounds__(kTeamThreads, 1) norm_rows(NormArgs args, Team team, bool packed) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  const int64_t row = team.row();
  const bool exists = row < args.rows;
  const Share share = {exists ? args.n : 0, team.rank(), team.size(), packed};
  const Row<const T> x[1] = {row_at<const T>(args.x, row * args.x_row_stride, 1, packed)};
  const Row<const T> weight = row_at<const T>(args.weight, 0, 1, packed),
                     bias = row_at<const T>(args.bias, 0, 1, packed);
  const Row<T> out = row_at<T>(args.out, row * args.out_row_stride, 1, packed);

  const HeldRows<kHeldPacks<T>, 1, T> held(share, x);
  C mean = 0, squares = 0;
  if (args.kind == NormKind::layer) {
    held.each([&](int64_t, const Pack<T>(&packs)[1]) {  // elements beyond the row are zeros
#pragma unroll
      for (int e = 0; e < P; ++e) mean += convert<C>(packs[0].x[e]);
    });
    mean = team.reduce(mean, Add{}, C(0)) / C(args.n);
  }
  held.each([&](int64_t k, const Pack<T>(&packs)[1]) {
#pragma unroll
    for (int e = 0; e < P; ++e) {
      const C d = convert<C>(packs[0].x[e]) - mean;
      if (share.has<P>(k, e)) squares += d * d;
    }
  });
  squares = team.reduce(squares, Add{}, C(0));
  const C rstd = math::rsqrt(squares / C(args.n) + C(args.eps));

  held.each([&](int64_t k, const Pack<T>(&packs)[1]) {
    const Pack<T> w = load(share, weight, k), b = load(share, bias, k);
    Pack<T> y;
#pragma unroll
    for (int e = 0; e < P; ++e) {
      C value = (convert<C>(packs[0].x[e]) - mean) * rstd;
      if (weight.p) value *= convert<C>(w.x[e]);
      if (bias.p) value += convert<C>(b.x[e]);
      y.x[e] = convert<T>(value);
    }
    store(share, out, k, y);
  });
  if (team.rank() != 0 || !exists) return;
  if (args.mean) static_cast<C*>(args.mean)[row] = mean;
  if (args.rstd) static_cast<C*>(args.rstd)[row] = rstd;
}

template <class T>
__global__ void __launch_bounds__(kTeamThreads, 1) norm_backward_rows(NormBackwardArgs args, Team team, bool packed) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  const int64_t row = team.row();
  const bool exists = row < args.rows;
  const Share share = {exists ? args.n : 0, team.rank(), team.size(), packed};
  const Row<const T> rows[3] = {row_at<const T>(args.x, row * args.x_row_stride, 1, packed),
                                row_at<const T>(args.grad_out, row * args.grad_out_row_stride, 1, packed),
                                row_at<const T>(args.weight, 0, 1, packed)};
  const Row<T> grad_x = row_at<T>(args.grad_x, row * args.grad_x_row_stride, 1, packed);
  const bool layer = args.kind == NormKind::layer;
  const C mean = exists && layer ? static_cast<const C*>(args.mean)[row] : C(0);
  const C rstd = exists ? static_cast<const C*>(args.rstd)[row] : C(0);

  const HeldRows<kHeldPacks<T> / 2, 3, T> held(share, rows);
  const auto normal = [&](const Pack<T>(&packs)[3], int e) { return (convert<C>(packs[0].x[e]) - mean) * rstd; };
  const auto grad = [&](const Pack<T>(&packs)[3], int e) {
    const C g = convert<C>(packs[1].x[e]);
    return args.weight ? g * convert<C>(packs[2].x[e]) : g;
  };
  Two<C> sums = {0, 0};  // of grad times the normalised x, and of grad
  held.each([&](int64_t, const Pack<T>(&packs)[3]) {
#pragma unroll
    for (int e = 0; e < P; ++e) {  // beyond the row grad is 0
      sums.weight += grad(packs, e) * normal(packs, e);
      sums.bias += grad(packs, e);
    }
  });
  sums = team.reduce(sums, AddTwo{}, Two<C>{0, 0});
  const C mean_gx = sums.weight / C(args.n), mean_g = layer ? sums.bias / C(args.n) : C(0);
  held.each([&](int64_t k, const Pack<T>(&packs)[3]) {
    Pack<T> result;
#pragma unroll
    for (int e = 0; e < P; ++e) {
      result.x[e] = convert<T>(rstd * (grad(packs, e) - mean_g - normal(packs, e) * mean_gx));
    }
    store(share, grad_x, k, result);
  });
}

// --- sums over rows ---------------------------------------------------------------------------------

// A block's columns are tile * width * P and on, its rows a chunk. `partial` is (chunks, n); null: there is one chunk.
template <class T>
__global__ void __launch_bounds__(kColumnThreads, 1)
    norm_backward_columns(NormBackwardArgs args, bool packed, int64_t chunk, Two<Compute<T>>* partial) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count, kAtOnce = 16 / P;
  const Team team{true};
  const int64_t first = int64_t(blockIdx.x) * blockDim.x * P, begin = blockIdx.y * chunk;
  const int64_t end = begin + chunk < args.rows ? begin + chunk : args.rows;
  // The block's tile as a row, which the threads of one threadIdx.y share out.
  const Share share = {args.n - first, threadIdx.x, blockDim.x, packed};
  const T *x = static_cast<const T*>(args.x) + first, *grad_out = static_cast<const T*>(args.grad_out) + first;
  const bool layer = args.kind == NormKind::layer;

  Two<C> sums[P];
#pragma unroll
  for (int e = 0; e < P; ++e) sums[e] = {0, 0};
  for (int64_t r = begin + threadIdx.y; r < end; r += kAtOnce * blockDim.y) {
    Pack<T> xs[kAtOnce], grads[kAtOnce];
    C means[kAtOnce], rstds[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int64_t row = r + i * blockDim.y;
      const bool has = row < end;
      xs[i] = load(share, row_at<const T>(has ? x : nullptr, row * args.x_row_stride, 1, packed), 0);
      grads[i] = load(share, row_at<const T>(has ? grad_out : nullptr, row * args.grad_out_row_stride, 1, packed), 0);
      means[i] = has && layer ? static_cast<const C*>(args.mean)[row] : C(0);
      rstds[i] = has ? static_cast<const C*>(args.rstd)[row] : C(0);
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
#pragma unroll
      for (int e = 0; e < P; ++e) {  // beyond the rows grad is 0
        const C grad = convert<C>(grads[i].x[e]), normal = (convert<C>(xs[i].x[e]) - means[i]) * rstds[i];
        sums[e] = AddTwo{}(sums[e], Two<C>{grad * normal, grad});
      }
    }
  }
#pragma unroll
  for (int e = 0; e < P; ++e) {
    const Two<C> sum = team.reduce(sums[e], AddTwo{}, Two<C>{0, 0});
    if (threadIdx.y != 0 || !share.has<P>(0, e)) continue;
    const int64_t column = first + share.index<P>(0, e);
    if (partial) {
      partial[blockIdx.y * args.n + column] = sum;
    } else {
      if (args.grad_weight) static_cast<T*>(args.grad_weight)[column] = convert<T>(sum.weight);
      if (args.grad_bias) static_cast<T*>(args.grad_bias)[column] = convert<T>(sum.bias);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kColumnThreads, 1)
    sum_chunks(NormBackwardArgs args, const Two<Compute<T>>* partial, int64_t chunks) {
  using C = Compute<T>;
  const Team team{true};
  const int64_t column = team.row();
  const bool exists = column < args.n;
  Two<C> sum = {0, 0};
  for (int64_t i = team.rank(); exists && i < chunks; i += team.size()) {
    sum = AddTwo{}(sum, partial[i * args.n + column]);
  }
  sum = team.reduce(sum, AddTwo{}, Two<C>{0, 0});
  if (team.rank() != 0 || !exists) return;
  if (args.grad_weight) static_cast<T*>(args.grad_weight)[column] = convert<T>(sum.weight);
  if (args.grad_bias) static_cast<T*>(args.grad_bias)[column] = convert<T>(sum.bias);
}

// Blocks of columns: as wide as n and a warp allow, powers of 2 high.
dim3 column_block(int64_t lanes, int64_t rows) {
  unsigned width = 1, height = 1;
  while (width < lanes && width < kWarpSize) width *= 2;
  while (height < rows && 2 * height * width <= kColumnThreads) height *= 2;
  return dim3(width, height);
}

template <class T>
void sum_over_rows(const NormBackwardArgs& args, GpuStream stream) {
  constexpr int64_t P = Pack<T>::count;
  int64_t chunk = kLeastChunk;
  while (chunk * kMostChunks < args.rows) chunk *= 2;
  const unsigned chunks = args.rows > chunk ? blocks_for(args.rows, chunk) : 1;
  const gpu::Scratch scratch(chunks > 1 ? chunks * size_t(args.n) * sizeof(Two<Compute<T>>) : 0, gpu::current_device(),
                             stream);
  auto* partial = scratch.data<Two<Compute<T>>>();
  const dim3 block = column_block((args.n + P - 1) / P, chunk < args.rows ? chunk : args.rows);
  const dim3 grid(blocks_for(args.n, P * block.x), chunks);
  launch(stream, grid, block, 0, norm_backward_columns<T>, args, args.n % P == 0, chunk, partial);
  if (chunks == 1) return;
  const dim3 again = column_block(args.n, chunks);
  launch(stream, blocks_for(args.n, again.x), again, 0, sum_chunks<T>, args, partial, chunks);
}

}  // namespace

void norm(const NormArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    const TeamPlan plan = plan_teams(args.rows, args.n, sizeof(T), kHeldPacks<T>, false);
    launch(stream, plan.grid, plan.block, 0, norm_rows<T>, args, plan.team, plan.packed);
  });
}

void norm_backward(const NormBackwardArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    if (args.grad_x) {
      const TeamPlan plan = plan_teams(args.rows, args.n, sizeof(T), kHeldPacks<T> / 2, false);
      launch(stream, plan.grid, plan.block, 0, norm_backward_rows<T>, args, plan.team, plan.packed);
    }
    if (args.grad_weight || args.grad_bias) sum_over_rows<T>(args, stream);
  });
}

}  // namespace hotloop::sm80
