// CTC loss and its gradient (kernels/args/ctc.h), in f64 as everywhere. Bound by latency, not by bytes: a step waits for
// the one before it. Called by dispatch/ctc.cpp. Never run on a GPU yet.
//
// Forward, a block a sample: its threads share the states of a step, whose predecessors lie in shared memory (where they
// are many, in scratch memory), and step on at a barrier. Backward runs the other way in the same manner and leaves each
// state's probability in each step; a second kernel, a block for each step of each sample, sums them by class.
// A class that occurs several times is summed by one thread in the order of the labels, blanks by one warp in a fixed
// tree: the bits are the same run after run, and depend on the sample alone.
#include "kernels/args/ctc.h"

#include "kernels/cuda/common/fault.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kMostThreads = 512;
constexpr int64_t kHeldStates = 1024;  // two steps of them are 16 KB of shared memory: other blocks find room beside it

__device__ __forceinline__ double never() { return -math::infinity<double>(); }  // the log of no probability

__device__ __forceinline__ double log_sum(double a, double b, double c) {
  const double ab = a > b ? a : b, top = c > ab ? c : ab, m = top == never() ? 0 : top;  // a NaN stays in the sum
  return m + math::log(math::exp(a - m) + math::exp(b - m) + math::exp(c - m));
}

template <class T>
struct Sample {
  const CtcArgs& args;
  int64_t n;
  const int64_t* targets;
  int64_t steps, labels, states;

  __device__ __forceinline__ Sample(const CtcArgs& args_, int64_t n_)
      : args(args_),
        n(n_),
        targets(args.targets + args.spans[n].start),
        steps(args.spans[n].steps),
        labels(args.spans[n].labels),
        states(2 * labels + 1) {}
  __device__ __forceinline__ bool is_class(int64_t label) const { return label >= 0 && label < args.classes; }
  __device__ __forceinline__ int64_t label(int64_t s) const {
    if (s % 2 == 0) return args.blank;
    const int64_t label = targets[s / 2];
    return is_class(label) ? label : args.blank;
  }
  // Whether an alignment may go from state s - 2 to s.
  __device__ __forceinline__ bool skips(int64_t s) const { return s > 1 && s % 2 && label(s) != label(s - 2); }
  __device__ __forceinline__ const T* log_probs(int64_t t) const {
    return static_cast<const T*>(args.log_probs) + (t * args.batch + n) * args.classes;
  }
  // Of a step, in memory laid out like alpha.
  __device__ __forceinline__ double* row(double* rows, int64_t t) const {
    return rows + (n * args.steps + t) * args.states;
  }
  __device__ __forceinline__ double loss() const {
    if (steps == 0) return states == 1 ? 0 : -never();
    const double* last = row(args.alpha, steps - 1);
    return -log_sum(last[states - 1], states > 1 ? last[states - 2] : never(), never());
  }
};

// The states of the step at hand and of the one before it, in turn: shared memory, or a sample's own scratch memory.
struct Steps {
  double* memory;
  int64_t states;
  __device__ __forceinline__ Steps(double* scratch, int64_t states_) : memory(scratch), states(states_) {
    if (scratch) {
      memory += blockIdx.x * 2 * states;
    } else {
      DYNAMIC_SHARED(double, held);
      memory = held;
    }
  }
  __device__ __forceinline__ double* of(int64_t t) const { return memory + (t & 1) * states; }
};

template <class T>
__global__ void __launch_bounds__(kMostThreads, 1) ctc_forward(CtcArgs args, double* scratch) {
  const Sample<T> x(args, blockIdx.x);
  const Steps steps(scratch, args.states);
  for (int64_t i = threadIdx.x; i < x.labels; i += blockDim.x)
    if (!x.is_class(x.targets[i])) raise_fault(args.gpu_fault, "ctc_loss", -1, x.targets[i], args.classes);
  for (int64_t t = 0; t < x.steps; ++t) {
    const T* const log_probs = x.log_probs(t);
    const double* const before = steps.of(t + 1);
    double *const now = steps.of(t), *const alpha = x.row(args.alpha, t);
    for (int64_t s = threadIdx.x; s < x.states; s += blockDim.x) {
      const double reached =
          t > 0   ? log_sum(before[s], s > 0 ? before[s - 1] : never(), x.skips(s) ? before[s - 2] : never())
          : s < 2 ? 0
                  : never();
      now[s] = alpha[s] = reached + double(log_probs[x.label(s)]);
    }
    __syncthreads();  // this step is whole, and the one before it has been read
  }
  if (threadIdx.x != 0) return;
  const double loss = x.loss();
  static_cast<T*>(args.loss)[x.n] = T(args.zero_infinity && loss == -never() ? 0 : loss);
}

// Where a label occurs again: the next place in the sample's labels, or -1; and whether there is none before.
struct Occurrence {
  int32_t next, first;
};

// Each step's probabilities of the states, given the labels, and where labels occur again. Of samples that can't be
// aligned nothing is written.
template <class T>
__global__ void __launch_bounds__(kMostThreads, 1)
    ctc_posteriors(CtcArgs args, double* scratch, double* posteriors, Occurrence* occurrences) {
  const Sample<T> x(args, blockIdx.x);
  const Steps steps(scratch, args.states);
  const double loss = x.loss();
  if (loss == -never()) return;
  for (int64_t i = threadIdx.x; i < x.labels; i += blockDim.x) {
    Occurrence here{-1, 1};
    for (int64_t j = 0; j < i; ++j) here.first = here.first && x.targets[j] != x.targets[i];
    for (int64_t j = x.labels - 1; j > i; --j)
      if (x.targets[j] == x.targets[i]) here.next = int32_t(j);
    occurrences[x.n * (args.states / 2) + i] = here;
  }
  for (int64_t t = x.steps - 1; t >= 0; --t) {
    const T* const log_probs = x.log_probs(t);
    const double *const after = steps.of(t + 1), *const alpha = x.row(args.alpha, t);
    double *const now = steps.of(t), *const posterior = x.row(posteriors, t);
    for (int64_t s = threadIdx.x; s < x.states; s += blockDim.x) {
      const auto next = [&](int64_t to, bool may) { return may ? after[to] : never(); };
      const double left = t + 1 < x.steps     ? log_sum(after[s], next(s + 1, s + 1 < x.states),
                                                        next(s + 2, s + 2 < x.states && x.skips(s + 2)))
                          : s >= x.states - 2 ? 0
                                              : never();
      now[s] = left + double(log_probs[x.label(s)]);
      posterior[s] = math::exp(alpha[s] + left + loss);
    }
    __syncthreads();  // this step is whole, and the one after it has been read
  }
}

// A block has the gradients of one step of one sample.
template <class T>
__global__ void __launch_bounds__(kMostThreads, 1)
    ctc_gradient(CtcBackwardArgs backward, double* posteriors, const Occurrence* occurrences) {
  const CtcArgs& args = backward.forward;
  const int64_t t = blockIdx.x / args.batch;
  const Sample<T> x(args, blockIdx.x - t * args.batch);
  T* const grad = static_cast<T*>(backward.grad) + int64_t(blockIdx.x) * args.classes;
  const double loss = x.loss(), grad_loss = double(static_cast<const T*>(backward.grad_loss)[x.n]);
  if (t >= x.steps || loss == -never()) {
    const T fill = t >= x.steps || args.zero_infinity ? T(0) : T(math::nan<double>());
    for (int64_t c = threadIdx.x; c < args.classes; c += blockDim.x) grad[c] = fill;
    return;
  }
  const T* const log_probs = x.log_probs(t);
  const double* const posterior = x.row(posteriors, t);
  const auto give = [&](int64_t c, double occupied) {
    grad[c] = T(grad_loss * (math::exp(double(log_probs[c])) - occupied));
  };
  for (int64_t c = threadIdx.x; c < args.classes; c += blockDim.x) give(c, 0);
  __syncthreads();  // those of classes that occur are written again
  const Occurrence* const places = occurrences + x.n * (args.states / 2);
  for (int64_t i = threadIdx.x; i < x.labels; i += blockDim.x) {
    if (!places[i].first || x.label(2 * i + 1) == args.blank) continue;
    double sum = 0;
    for (int64_t j = i; j >= 0; j = places[j].next) sum += posterior[2 * j + 1];
    give(x.label(2 * i + 1), sum);
  }
  if (threadIdx.x >= kWarpSize) return;
  double blanks = 0;
  for (int64_t s = threadIdx.x; s < x.states; s += kWarpSize)
    if (x.label(s) == args.blank) blanks += posterior[s];
  blanks = warp_reduce(blanks, Add{});
  if (threadIdx.x == 0) give(args.blank, blanks);
}

unsigned threads_for(int64_t items) {
  const int64_t warps = (items + kWarpSize - 1) / kWarpSize;
  return unsigned(warps * kWarpSize < kMostThreads ? warps * kWarpSize : kMostThreads);
}

// Memory for two steps of every sample: a block's shared memory, or scratch.
struct StepMemory {
  bool held;
  size_t shared_bytes;
  gpu::Scratch scratch;
  StepMemory(const CtcArgs& args, GpuStream stream)
      : held(args.states <= kHeldStates),
        shared_bytes(held ? size_t(2 * args.states) * sizeof(double) : 0),
        scratch(held ? 0 : size_t(2 * args.states * args.batch) * sizeof(double), gpu::current_device(), stream) {}
};

}  // namespace

void ctc_loss(const CtcArgs& args, GpuStream stream) {
  const StepMemory memory(args, stream);
  const auto run = [&]<class T>(T) {
    launch(stream, unsigned(args.batch), threads_for(args.states), memory.shared_bytes, ctc_forward<T>, args,
           memory.scratch.data<double>());
  };
  args.dtype == DType::f64 ? run(double{}) : run(float{});
}

void ctc_loss_backward(const CtcBackwardArgs& backward, GpuStream stream) {
  const CtcArgs& args = backward.forward;
  const int64_t blocks = args.steps * args.batch, states = args.states;
  const int device = gpu::current_device();
  if (blocks > INT32_MAX)
    fail<ValueError>("ctc_loss: %lld steps of %lld samples are more than a grid has blocks",
                     static_cast<long long>(args.steps), static_cast<long long>(args.batch));
  const StepMemory memory(args, stream);
  const gpu::Scratch posteriors(size_t(blocks * states) * sizeof(double), device, stream);
  const gpu::Scratch occurrences(size_t(args.batch * (states / 2)) * sizeof(Occurrence), device, stream);
  const auto run = [&]<class T>(T) {
    launch(stream, unsigned(args.batch), threads_for(states), memory.shared_bytes, ctc_posteriors<T>, args,
           memory.scratch.data<double>(), posteriors.data<double>(), occurrences.data<Occurrence>());
    launch(stream, unsigned(blocks), threads_for(args.classes > states ? args.classes : states), 0, ctc_gradient<T>,
           backward, posteriors.data<double>(), occurrences.data<Occurrence>());
  };
  args.dtype == DType::f64 ? run(double{}) : run(float{});
}

}  // namespace hotloop::sm80
