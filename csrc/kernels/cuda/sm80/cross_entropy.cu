// Cross entropy of logits with class indices or probabilities, and nll_loss, forward and backward
// (kernels/args/softmax.h).
//
// Forward, a team of threads a row (common/rows.h): the row's logsumexp from one reading of the logits, then its loss:
// of the target's logit alone, or, with probabilities or label smoothing, of all from a second reading. The rows'
// losses and weights are summed in chunks of fixed size, then the chunks. Backward reads logits and target once.
// nll_loss takes a thread a row, which reads or writes one element.
// Bound by memory. Called by dispatch/softmax.cpp. Never run on a GPU yet.
#include "kernels/cuda/common/fault.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/softmax.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kStreamed = 2;        // packs of logits, probabilities and weight that are loaded together
constexpr int kSumThreads = 256;    // of a block that sums rows
constexpr int64_t kSumRows = 4096;  // of a chunk

constexpr const char* kName = "cross_entropy";
constexpr const char* kNllName = "nll_loss";

// A row of the loss, as a thread of its team sees it.
template <class T>
struct LossRow {
  using C = Compute<T>;
  RowPlace place;
  int64_t target = 0;
  bool wrong = false;  // neither a class nor ignored
  bool counts;         // exists, and is neither ignored nor wrong
  C own, even;         // what a class has of the target: own times its share, and even
  Share share;
  Row<const T> rows[3];  // logits, probabilities, weight

  __device__ __forceinline__ LossRow(const CrossEntropyArgs& args, Team team, bool packed)
      : place(team, args.outer, args.classes, args.inner), counts(place.exists) {
    if (place.exists && args.target) {
      target = args.target[place.outer * args.target_outer_stride + place.inner * args.target_inner_stride];
      wrong = target != args.ignore_index && (target < 0 || target >= args.classes);
      counts = target != args.ignore_index && !wrong;
    }
    own = C(1 - args.label_smoothing);
    even = C(args.label_smoothing / double(args.classes));
    share = place.share(packed);
    rows[0] = place.row_of<const T>(args.logits, args.logits_strides, packed);
    rows[1] = place.row_of<const T>(args.probabilities, args.probabilities_strides, packed);
    rows[2] = place.row_of<const T>(args.weight, {0, 1, 0}, packed);
  }
  __device__ __forceinline__ C weight(int64_t c) const { return rows[2].p ? convert<C>(rows[2].p[c]) : C(1); }
  // Of element e of packs k of `rows`, the class's coefficient in the loss.
  __device__ __forceinline__ C coefficient(int64_t k, int e, const Pack<T> (&packs)[3]) const {
    constexpr int P = Pack<T>::count;
    const C p = rows[1].p ? convert<C>(packs[1].x[e]) : share.template index<P>(k, e) == target ? C(1) : C(0);
    const C q = own * p + even;
    return rows[2].p ? q * convert<C>(packs[2].x[e]) : q;
  }
};

// loss of each row, and with class indices its weight in the mean, where they are asked for.
template <class T>
__global__ void __launch_bounds__(kTeamThreads, 1)
    loss_rows(CrossEntropyArgs args, Team team, bool packed, const char* name, Compute<T>* losses,
              Compute<T>* weights) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  LossRow<T> row(args, team, packed);
  if (!row.counts) row.share.n = 0;
  const Row<const T> logits[1] = {row.rows[0]};
  const HeldRows<kHeldPacks<T>, 1, T> held(row.share, logits);
  const SumExp<C> all = sum_exp(team, held);
  const C lse = math::log(all.sum) + all.base();

  C loss = 0;
  if (args.probabilities || args.label_smoothing > 0) {
    each_pack<kStreamed>(row.share, row.rows, 0, [&](int64_t k, const Pack<T>(&packs)[3]) {
#pragma unroll
      for (int e = 0; e < P; ++e) {
        if (!row.share.template has<P>(k, e)) continue;
        const C q = row.coefficient(k, e, packs);
        if (q != C(0)) loss += q * (lse - convert<C>(packs[0].x[e]));
      }
    });
    loss = team.reduce(loss, Add{}, C(0));
  } else if (row.counts) {
    const C w = row.weight(row.target);
    if (w != C(0)) loss = w * (lse - convert<C>(logits[0].p[row.target * logits[0].stride]));
  }

  if (team.rank() != 0 || !row.place.exists) return;
  const int64_t at = row.place.row;
  if (row.wrong) raise_fault(args.gpu_fault, name, -1, row.target, args.classes);
  static_cast<C*>(args.logsumexp)[at] = row.counts ? lse : C(0);
  if (args.reduction == LossReduction::none) static_cast<T*>(args.loss)[at] = convert<T>(loss);
  if (losses) losses[at] = loss;
  if (weights) weights[at] = row.counts ? row.weight(row.target) : C(0);
}

// A block's sum of x[begin ... end - 1].
template <class C>
__device__ __forceinline__ C sum_of(const C* x, int64_t begin, int64_t end) {
  C sum = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += kSumThreads) sum += x[i];
  return block_reduce<kSumThreads>(sum, Add{}, C(0));
}
// Block b writes the sums of chunk b of x and, where it is given, of y.
template <class C>
__global__ void __launch_bounds__(kSumThreads) sum_chunks(const C* x, const C* y, int64_t n, C* x_sums, C* y_sums) {
  const int64_t begin = blockIdx.x * kSumRows, end = begin + kSumRows < n ? begin + kSumRows : n;
  const C x_sum = sum_of(x, begin, end), y_sum = y ? sum_of(y, begin, end) : C(0);
  if (threadIdx.x != 0) return;
  x_sums[blockIdx.x] = x_sum;
  if (y) y_sums[blockIdx.x] = y_sum;
}
// The loss of all rows: that of mean and sum, and the divisor.
template <class T>
__global__ void __launch_bounds__(kSumThreads)
    finish_loss(CrossEntropyArgs args, const Compute<T>* losses, const Compute<T>* weights, int64_t n) {
  using C = Compute<T>;
  const C loss = sum_of(losses, 0, n), weight = weights ? sum_of(weights, 0, n) : C(args.outer * args.inner);
  if (threadIdx.x != 0) return;
  const C divisor = args.reduction == LossReduction::mean ? weight : C(1);
  *static_cast<C*>(args.divisor) = divisor;
  if (args.reduction != LossReduction::none) *static_cast<T*>(args.loss) = convert<T>(loss / divisor);
}

template <class T>
__global__ void __launch_bounds__(kTeamThreads, 1) loss_backward_rows(CrossEntropyArgs args, Team team, bool packed) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  const LossRow<T> row(args, team, packed);
  const RowPlace& place = row.place;
  const Row<T> grad_logits = place.row_of<T>(args.grad_logits, args.grad_logits_strides, packed);
  C scale = 0, lse = 0;
  if (row.counts) {
    const T* grad_out = static_cast<const T*>(args.grad_out);
    if (args.reduction == LossReduction::none) {
      scale = convert<C>(grad_out[place.outer * args.grad_out_outer_stride + place.inner * args.grad_out_inner_stride]);
    } else {
      scale = convert<C>(*grad_out) / *static_cast<const C*>(args.divisor);
    }
    lse = static_cast<const C*>(args.logsumexp)[place.row];
  }
  // The sum of the row's coefficients.
  C mass = 0;
  if (args.probabilities || (args.weight && args.label_smoothing > 0)) {
    each_pack<kStreamed>(row.share, row.rows, 0, [&](int64_t k, const Pack<T>(&packs)[3]) {
#pragma unroll
      for (int e = 0; e < P; ++e) {
        if (row.share.template has<P>(k, e)) mass += row.coefficient(k, e, packs);
      }
    });
    mass = team.reduce(mass, Add{}, C(0));
  } else if (row.counts) {
    mass = args.weight ? row.weight(row.target) : C(1);
  }
  each_pack<kStreamed>(row.share, row.rows, 0, [&](int64_t k, const Pack<T>(&packs)[3]) {
    Pack<T> grad;
#pragma unroll
    for (int e = 0; e < P; ++e) {
      const C softmax = exp_of<T>(convert<C>(packs[0].x[e]) - lse);
      grad.x[e] = convert<T>(row.counts ? scale * (softmax * mass - row.coefficient(k, e, packs)) : C(0));
    }
    store(row.share, grad_logits, k, grad);
  });
}

// --- nll_loss -----------------------------------------------------------------------------------------

struct PickedRow {
  int64_t outer, inner, target;
  bool counts;

  __device__ __forceinline__ PickedRow(const CrossEntropyArgs& args, int64_t row)
      : outer(args.inner == 1 ? row : row / args.inner), inner(row - outer * args.inner) {
    target = args.target[outer * args.target_outer_stride + inner * args.target_inner_stride];
    counts = target != args.ignore_index && target >= 0 && target < args.classes;
  }
  __device__ __forceinline__ int64_t at(const RowStrides& strides) const {
    return outer * strides.outer + target * strides.n + inner * strides.inner;
  }
  template <class T>
  __device__ __forceinline__ Compute<T> weight(const CrossEntropyArgs& args) const {
    using C = Compute<T>;
    return !counts ? C(0) : args.weight ? convert<C>(static_cast<const T*>(args.weight)[target]) : C(1);
  }
};

template <class T>
__global__ void __launch_bounds__(kSumThreads, 1)
    nll_rows(CrossEntropyArgs args, const char* name, Compute<T>* losses, Compute<T>* weights) {
  using C = Compute<T>;
  for (int64_t row = grid_index(); row < args.outer * args.inner; row += grid_stride()) {
    const PickedRow r(args, row);
    if (!r.counts && r.target != args.ignore_index) raise_fault(args.gpu_fault, name, -1, r.target, args.classes);
    const C w = r.template weight<T>(args);
    const C loss = r.counts ? -convert<C>(static_cast<const T*>(args.logits)[r.at(args.logits_strides)]) * w : C(0);
    if (args.reduction == LossReduction::none) static_cast<T*>(args.loss)[row] = convert<T>(loss);
    if (losses) losses[row] = loss;
    if (weights) weights[row] = w;
  }
}

template <class T>
__global__ void __launch_bounds__(kSumThreads, 1) nll_backward_rows(CrossEntropyArgs args) {
  using C = Compute<T>;
  const T* grad_out = static_cast<const T*>(args.grad_out);
  const bool each = args.reduction == LossReduction::none;
  for (int64_t row = grid_index(); row < args.outer * args.inner; row += grid_stride()) {
    const PickedRow r(args, row);
    if (!r.counts) continue;
    const C scale =
        each ? convert<C>(grad_out[r.outer * args.grad_out_outer_stride + r.inner * args.grad_out_inner_stride])
             : convert<C>(*grad_out) / *static_cast<const C*>(args.divisor);
    static_cast<T*>(args.grad_logits)[r.at(args.grad_logits_strides)] = convert<T>(-scale * r.template weight<T>(args));
  }
}

// --- launchers ----------------------------------------------------------------------------------------

template <class T>
TeamPlan plan_for(const CrossEntropyArgs& args) {
  return plan_rows(args.outer, args.classes, args.inner, args.logits_strides, sizeof(T), kHeldPacks<T>);
}

// The loss of all rows, once `launch_rows` has launched what writes each one's, and with class indices its weight in the
// mean, to where it is told to.
template <class T, class F>
void sum_rows(const CrossEntropyArgs& args, GpuStream stream, F launch_rows) {
  using C = Compute<T>;
  const int64_t rows = args.outer * args.inner, chunks = blocks_for(rows, kSumRows);
  const bool summed = args.reduction != LossReduction::none;
  const bool weighed = args.reduction == LossReduction::mean && args.target;
  // The rows' losses and weights, then the chunks'.
  const gpu::Scratch scratch(size_t(summed ? 2 * (rows + chunks) : 0) * sizeof(C), gpu::current_device(), stream);
  C* losses = summed ? scratch.data<C>() : nullptr;
  C* weights = weighed ? losses + rows : nullptr;
  launch_rows(losses, weights);
  int64_t n = summed ? rows : 0;
  if (n > kSumRows) {
    C *loss_sums = losses + 2 * rows, *weight_sums = loss_sums + chunks;
    launch(stream, unsigned(chunks), kSumThreads, 0, sum_chunks<C>, losses, weights, n, loss_sums, weight_sums);
    losses = loss_sums;
    if (weights) weights = weight_sums;
    n = chunks;
  }
  launch(stream, 1, kSumThreads, 0, finish_loss<T>, args, losses, weights, n);
}

Grid rows_grid(const CrossEntropyArgs& args) { return grid_for(args.outer * args.inner, kSumThreads); }

}  // namespace

void cross_entropy(const CrossEntropyArgs& args, GpuStream stream) {
  *args.bad_row = -1;
  with_float(args.dtype, [&]<class T>(T) {
    sum_rows<T>(args, stream, [&](Compute<T>* losses, Compute<T>* weights) {
      const TeamPlan plan = plan_for<T>(args);
      launch(stream, plan.grid, plan.block, 0, loss_rows<T>, args, plan.team, plan.packed, kName, losses, weights);
    });
  });
}

void cross_entropy_backward(const CrossEntropyArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    const TeamPlan plan = plan_for<T>(args);
    launch(stream, plan.grid, plan.block, 0, loss_backward_rows<T>, args, plan.team, plan.packed);
  });
}

void nll_loss(const CrossEntropyArgs& args, GpuStream stream) {
  *args.bad_row = -1;
  with_float(args.dtype, [&]<class T>(T) {
    sum_rows<T>(args, stream, [&](Compute<T>* losses, Compute<T>* weights) {
      const Grid grid = rows_grid(args);
      launch(stream, grid.blocks, grid.threads, 0, nll_rows<T>, args, kNllName, losses, weights);
    });
  });
}

void nll_loss_backward(const CrossEntropyArgs& args, GpuStream stream) {
  with_float(args.dtype, [&]<class T>(T) {
    const Grid grid = rows_grid(args);
    launch(stream, grid.blocks, grid.threads, 0, nll_backward_rows<T>, args);
  });
}

}  // namespace hotloop::sm80
