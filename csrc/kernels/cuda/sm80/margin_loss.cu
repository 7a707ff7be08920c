// Margin losses and their gradient (kernels/args/margin_loss.h). A block has a row, a thread every kThreads-th class of
// it: for each of its own it looks through the row's list, which all threads read in step, and adds up what the listed
// classes ask for. Bound by arithmetic, classes x named. Called by dispatch/margin_loss.cpp. Never run on a GPU yet.
#include "kernels/args/margin_loss.h"

#include "kernels/cuda/common/fault.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kThreads = 128;

template <class T>
struct MarginRow {
  using C = Compute<T>;
  const T* x;
  const int64_t* target;
  int64_t named;
  bool squared;
  C margin;

  __device__ __forceinline__ MarginRow(const MarginLossArgs& args, int64_t row)
      : x(static_cast<const T*>(args.x) + row * args.classes),
        target(args.target + row * args.named),
        named(0),
        squared(args.squared),
        margin(C(args.margin)) {
    while (named < args.named && target[named] >= 0 && target[named] < args.classes) ++named;
  }
  __device__ __forceinline__ bool names(int64_t c) const {
    bool found = false;
    for (int64_t j = 0; j < named; ++j) found = found || target[j] == c;
    return found;
  }
  // margin - x[y] + x[c] of the j-th named y, or 0 where that is not above 0.
  __device__ __forceinline__ C excess(int64_t j, int64_t c) const {
    const C z = margin - convert<C>(x[target[j]]) + convert<C>(x[c]);
    return z > C(0) ? z : C(0);
  }
  __device__ __forceinline__ C slope(C excess) const {
    if (squared) return excess + excess;
    return excess > C(0) ? C(1) : C(0);
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, 1) margin_rows(MarginLossArgs args) {
  using C = Compute<T>;
  const int64_t r = blockIdx.x;
  const MarginRow<T> row(args, r);
  for (int64_t j = threadIdx.x; j < args.named; j += kThreads)
    if (row.target[j] < args.least || row.target[j] >= args.classes)
      raise_fault(args.gpu_fault, args.op, -1, row.target[j], args.classes);
  C loss = 0;
  for (int64_t c = threadIdx.x; c < args.classes; c += kThreads) {
    if (row.names(c)) continue;
    for (int64_t j = 0; j < row.named; ++j) {
      const C z = row.excess(j, c);
      loss += row.squared ? z * z : z;
    }
  }
  loss = block_reduce<kThreads>(loss, Add{}, C(0));
  if (threadIdx.x == 0) static_cast<T*>(args.loss)[r] = convert<T>(loss / C(args.classes));
}

// `slopes` is (rows, classes): a thread's own classes, which no other touches.
template <class T>
__global__ void __launch_bounds__(kThreads, 1) margin_backward_rows(MarginLossArgs args, Compute<T>* slopes) {
  using C = Compute<T>;
  const int64_t r = blockIdx.x;
  const MarginRow<T> row(args, r);
  C* slope = slopes + r * args.classes;
  for (int64_t c = threadIdx.x; c < args.classes; c += kThreads) slope[c] = 0;
  for (int64_t j = 0; j < row.named; ++j) {
    C sum = 0;
    for (int64_t c = threadIdx.x; c < args.classes; c += kThreads) {
      const C d = row.slope(row.excess(j, c));
      if (d == C(0) || row.names(c)) continue;
      slope[c] += d;
      sum += d;
    }
    sum = block_reduce<kThreads>(sum, Add{}, C(0));
    if (row.target[j] % kThreads == threadIdx.x) slope[row.target[j]] -= sum;
  }
  const C factor = convert<C>(static_cast<const T*>(args.grad_loss)[r]) / C(args.classes);
  T* grad_x = static_cast<T*>(args.grad_x) + r * args.classes;
  for (int64_t c = threadIdx.x; c < args.classes; c += kThreads) grad_x[c] = convert<T>(slope[c] * factor);
}

}  // namespace

void margin_loss(const MarginLossArgs& args, GpuStream stream) {
  with_float(args.dtype,
             [&]<class T>(T) { launch(stream, unsigned(args.rows), unsigned(kThreads), 0, margin_rows<T>, args); });
}

void margin_loss_backward(const MarginLossArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    const gpu::Scratch slopes(size_t(args.rows * args.classes) * sizeof(Compute<T>), gpu::current_device(), stream);
    launch(stream, unsigned(args.rows), unsigned(kThreads), 0, margin_backward_rows<T>, args,
           slopes.template data<Compute<T>>());
  });
}

}  // namespace hotloop::sm80
