// Layer norm and RMS norm over the last dim of (rows, n), forward and backward (kernels/args/norm.h).
//
// A team of threads a row (common/rows.h), forward and for grad_x: rows of up to 512 threads x 16 elements, 8
// backward, are read once and held in registers. grad_weight and grad_bias are sums over rows: a block has a tile of
// columns, whose packs lie side by side, and a chunk of rows of a size that depends on their number alone; a second
// pass sums the chunks. Bound by memory: backward reads x and grad_out twice. Called by dispatch/norm.cpp. Never run
// on a GPU yet.
#include "kernels/args/norm.h"

#include "kernels/cuda/common/column_sums.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kRepeatThreads = 256;

template <class T>
__global__ void __launch_bounds__(kTeamThreads, 1) norm_rows(NormArgs args, Team team, bool packed) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  const int64_t row = team.row();
  const bool exists = row < args.rows;
  const Share share = {exists ? args.n : 0, team.rank(), team.size(), packed};
  const Row<const T> x[1] = {row_at<const T>(args.x, row * args.x_row_stride, 1, packed)};
  const int64_t group = args.groups == 1 ? 0 : row % args.groups;
  const Row<const T> weight = row_at<const T>(args.weight, group * args.n, 1, packed),
                     bias = row_at<const T>(args.bias, group * args.n, 1, packed);
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
  const int64_t group = args.groups == 1 ? 0 : row % args.groups;
  const Row<const T> rows[3] = {row_at<const T>(args.x, row * args.x_row_stride, 1, packed),
                                row_at<const T>(args.grad_out, row * args.grad_out_row_stride, 1, packed),
                                row_at<const T>(args.weight, group * args.n, 1, packed)};
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

// x normalised, for column_sums.h: a sample's rows are one row there.
template <class C>
struct OfRow {
  const C *mean, *rstd;  // mean: null for rms
  int64_t groups, n;
  __device__ __forceinline__ C operator()(C x, int64_t sample, int64_t column) const {
    const int64_t row = groups == 1 ? sample : sample * groups + column / n;
    return (mean ? x - mean[row] : x) * rstd[row];
  }
};

// Parameters that `inner` elements share, one for each element.
template <class T>
__global__ void __launch_bounds__(kRepeatThreads, 1) repeat_each(const T* from, T* to, int64_t n, int64_t inner) {
  for (int64_t i = grid_index(); i < n; i += grid_stride()) to[i] = from[i / inner];
}
template <class T>
struct Repeated {
  gpu::Scratch scratch;
  const void* p;
  Repeated(const void* from, int64_t n, int64_t inner, GpuStream stream)
      : scratch(from && inner > 1 ? size_t(n) * sizeof(T) : 0, gpu::current_device(), stream), p(from) {
    if (!from || inner == 1) return;
    const Grid grid = grid_for(n, kRepeatThreads);
    launch(stream, grid.blocks, grid.threads, 0, repeat_each<T>, static_cast<const T*>(from), scratch.data<T>(), n,
           inner);
    p = scratch.data();
  }
};

}  // namespace

void norm(const NormArgs& given, GpuStream stream) {
  with_float(given.dtype, [&]<class T>(T) {
    NormArgs args = given;
    const Repeated<T> weight(args.weight, args.groups * args.n, args.inner, stream);
    const Repeated<T> bias(args.bias, args.groups * args.n, args.inner, stream);
    args.weight = weight.p, args.bias = bias.p;
    const TeamPlan plan = plan_teams(args.rows, args.n, sizeof(T), kHeldPacks<T>, false);
    launch(stream, plan.grid, plan.block, 0, norm_rows<T>, args, plan.team, plan.packed);
  });
}

void norm_backward(const NormBackwardArgs& given, GpuStream stream) {
  with_float(given.dtype, [&]<class T>(T) {
    using C = Compute<T>;
    NormBackwardArgs args = given;
    if (args.grad_x) {
      const Repeated<T> weight(args.weight, args.groups * args.n, args.inner, stream);
      args.weight = weight.p;
      const TeamPlan plan = plan_teams(args.rows, args.n, sizeof(T), kHeldPacks<T> / 2, false);
      launch(stream, plan.grid, plan.block, 0, norm_backward_rows<T>, args, plan.team, plan.packed);
    }
    if (!args.grad_weight && !args.grad_bias) return;
    const ColumnSums<T, T> sums{static_cast<const T*>(args.x),
                                static_cast<const T*>(args.grad_out),
                                args.x_row_stride * args.groups,
                                args.grad_out_row_stride * args.groups,
                                args.rows / args.groups,
                                args.groups * args.n,
                                args.inner,
                                static_cast<T*>(args.grad_weight),
                                static_cast<T*>(args.grad_bias)};
    const bool layer = args.kind == NormKind::layer;
    sum_over_rows(sums,
                  OfRow<C>{layer ? static_cast<const C*>(args.mean) : nullptr, static_cast<const C*>(args.rstd),
                           args.groups, args.n},
                  stream);
  });
}

}  // namespace hotloop::sm80
