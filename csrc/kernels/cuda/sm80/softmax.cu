// Softmax and log-softmax, forward and backward (kernels/args/softmax.h).
//
// A team of threads a row (common/rows.h): warps and blocks where the elements of a row are contiguous, columns where
// the rows lie side by side. A row of up to 512 threads x 16 elements is read once and held in registers, the rest of
// a longer one again from the L2 cache. Bound by memory; one row alone keeps one multiprocessor busy, and no more.
// Called by dispatch/softmax.cpp. Never run on a GPU yet.
#include "kernels/cuda/common/softmax.h"

#include "kernels/cuda/common/launch.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

template <class T>
__global__ void __launch_bounds__(kTeamThreads, 1) softmax_rows(SoftmaxArgs args, Team team, bool packed) {
  using C = Compute<T>;
  const RowPlace place(team, args.outer, args.n, args.inner);
  const Share share = place.share(packed);
  const Row<const T> x[1] = {place.row_of<const T>(args.x, args.x_strides, packed)};
  const Row<T> out = place.row_of<T>(args.out, args.out_strides, packed);

  const HeldRows<kHeldPacks<T>, 1, T> held(share, x);
  const SumExp<C> all = sum_exp(team, held);
  const C base = all.base(), scale = C(1) / all.sum, shift = args.log ? math::log(all.sum) : C(0);
  held.each([&](int64_t k, const Pack<T>(&packs)[1]) {
    Pack<T> y;
#pragma unroll
    for (int e = 0; e < Pack<T>::count; ++e) {
      const C below = convert<C>(packs[0].x[e]) - base;
      y.x[e] = convert<T>(args.log ? below - shift : exp_of<T>(below) * scale);
    }
    store(share, out, k, y);
  });
}

template <class T>
__global__ void __launch_bounds__(kTeamThreads, 1)
    softmax_backward_rows(SoftmaxBackwardArgs args, Team team, bool packed) {
  using C = Compute<T>;
  const RowPlace place(team, args.outer, args.n, args.inner);
  const Share share = place.share(packed);
  const Row<const T> rows[2] = {place.row_of<const T>(args.out, args.out_strides, packed),
                                place.row_of<const T>(args.grad_out, args.grad_out_strides, packed)};
  const Row<T> grad_x = place.row_of<T>(args.grad_x, args.grad_x_strides, packed);

  const HeldRows<kHeldPacks<T> / 2, 2, T> held(share, rows);
  C sum = 0;
  held.each([&](int64_t, const Pack<T>(&packs)[2]) {
#pragma unroll
    for (int e = 0; e < Pack<T>::count; ++e) {  // elements beyond the row are zeros
      const C y = convert<C>(packs[0].x[e]), g = convert<C>(packs[1].x[e]);
      sum += args.log ? g : g * y;
    }
  });
  sum = team.reduce(sum, Add{}, C(0));
  held.each([&](int64_t k, const Pack<T>(&packs)[2]) {
    Pack<T> grad;
#pragma unroll
    for (int e = 0; e < Pack<T>::count; ++e) {
      const C y = convert<C>(packs[0].x[e]), g = convert<C>(packs[1].x[e]);
      grad.x[e] = convert<T>(args.log ? g - exp_of<T>(y) * sum : y * (g - sum));
    }
    store(share, grad_x, k, grad);
  });
}

}  // namespace

void softmax(const SoftmaxArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    const TeamPlan plan = plan_rows(args.outer, args.n, args.inner, args.x_strides, sizeof(T), kHeldPacks<T>);
    launch(stream, plan.grid, plan.block, 0, softmax_rows<T>, args, plan.team, plan.packed);
  });
}

void softmax_backward(const SoftmaxBackwardArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    const TeamPlan plan = plan_rows(args.outer, args.n, args.inner, args.out_strides, sizeof(T), kHeldPacks<T> / 2);
    launch(stream, plan.grid, plan.block, 0, softmax_backward_rows<T>, args, plan.team, plan.packed);
  });
}

}  // namespace hotloop::sm80
