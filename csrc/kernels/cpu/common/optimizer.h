// Fused optimizer steps (kernels/args/optimizer.h): one pass over memory, bound by its bandwidth.
#pragma once

#include "kernels/args/optimizer.h"
#include "kernels/cpu/common/reduce_core.h"
#include "kernels/cpu/common/softmax_rows.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kStepChunk = 32 * 1024;  // elements; 0.9 MB of f32 Adam, about 20 us
constexpr int kStepTile = 512;             // elements of 16 bits converted at once

// Runs body(tensor, begin, end, chunk) over all elements of the list, in chunks of kStepChunk elements of the
// concatenation of its tensors; body runs once for each part of a tensor in a chunk, in order.
template <class F>
void for_list(const OptimizerList& list, F&& body) {
  int64_t total = 0;
  for (int64_t t = 0; t < list.count; ++t) total += list.tensors[t].n;
  if (total < 2 * kStepChunk) {
    for (int64_t t = 0; t < list.count; ++t) body(list.tensors[t], int64_t(0), list.tensors[t].n, int64_t(0));
    return;
  }
  struct Start {
    int64_t tensor, element;
  };
  const int64_t chunks = (total + kStepChunk - 1) / kStepChunk;
  Workspace table(size_t(chunks) * sizeof(Start));
  Start* starts = static_cast<Start*>(table.data());
  for (int64_t chunk = 0, t = 0, before = 0; chunk < chunks; ++chunk) {
    while (before + list.tensors[t].n <= chunk * kStepChunk) before += list.tensors[t++].n;
    starts[chunk] = {t, chunk * kStepChunk - before};
  }
  for_chunks(chunks, [&](int64_t chunk) {
    auto [t, begin] = starts[chunk];
    for (int64_t left = kStepChunk; left > 0 && t < list.count; ++t, begin = 0) {
      const int64_t end = smaller(begin + left, list.tensors[t].n);
      body(list.tensors[t], begin, end, chunk);
      left -= end - begin;
    }
  });
}
inline int64_t list_chunks(const OptimizerList& list) {
  int64_t total = 0;
  for (int64_t t = 0; t < list.count; ++t) total += list.tensors[t].n;
  return larger<int64_t>((total + kStepChunk - 1) / kStepChunk, 1);
}

// Runs body(pointers, n) with the operands as arrays of A: in place, or tile by tile through f32. Operands that are
// null stay null; those in the bit mask `written` are stored back.
template <class T, int kOperands, class F>
[[gnu::always_inline]] inline void with_operands(void* const (&operands)[kOperands], unsigned written, int64_t begin,
                                                 int64_t end, F body) {
  using A = Compute<T>;
  A* p[kOperands];
  if constexpr (__is_same(T, A)) {
    for (int k = 0; k < kOperands; ++k) p[k] = operands[k] ? static_cast<A*>(operands[k]) + begin : nullptr;
    body(p, end - begin);
  } else {
    alignas(64) A tile[kOperands][kStepTile];
    for (int64_t i = begin; i < end; i += kStepTile) {
      const int64_t n = smaller<int64_t>(kStepTile, end - i);
      for (int k = 0; k < kOperands; ++k) {
        p[k] = operands[k] ? tile[k] : nullptr;
        if (operands[k]) load_row(p[k], static_cast<const T*>(operands[k]) + i, n);
      }
      body(p, n);
      for (int k = 0; k < kOperands; ++k)
        if (operands[k] && (written >> k & 1)) store_row(static_cast<T*>(operands[k]) + i, p[k], n);
    }
  }
}

template <class A>
void sgd_elements(const SgdArgs& args, bool first, A* __restrict__ param, const A* __restrict__ grad,
                  A* __restrict__ buffer, int64_t n) {
  const A sign = args.maximize ? A(-1) : A(1), lr = A(args.lr), decay = A(args.weight_decay);
  const A momentum = A(args.momentum), share = A(1 - args.dampening);
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    const Vec<A> p = load_some(param + i, count);
    Vec<A> g = load_some(grad + i, count) * sign + p * decay;
    if (buffer) {
      const Vec<A> b = first ? g : load_some(buffer + i, count) * momentum + g * share;
      store_some<A>(buffer + i, b, count);
      g = args.nesterov ? g + b * momentum : b;
    }
    store_some<A>(param + i, p - g * lr, count);
  });
}

template <class A>
void adam_elements(const AdamArgs& args, const OptimizerTensor& tensor, A* __restrict__ param,
                   const A* __restrict__ grad, A* __restrict__ mean, A* __restrict__ square, A* __restrict__ largest,
                   int64_t n) {
  const A sign = args.maximize ? A(-1) : A(1);
  const A keep = A(args.decoupled ? 1 - args.lr * args.weight_decay : 1);
  const A decay = A(args.decoupled ? 0 : args.weight_decay);
  const A mean_share = A(1 - args.beta1), beta2 = A(args.beta2), square_share = A(1 - args.beta2);
  const A step = A(args.lr / tensor.bias_correction1), eps = A(args.eps);
  const A root_scale = A(1 / __builtin_sqrt(tensor.bias_correction2));
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    Vec<A> p = load_some(param + i, count);
    const Vec<A> g = load_some(grad + i, count) * sign + p * decay;
    p *= keep;
    Vec<A> m = load_some(mean + i, count);
    m += (g - m) * mean_share;
    Vec<A> v = load_some(square + i, count) * beta2 + g * g * square_share;
    store_some<A>(mean + i, m, count);
    store_some<A>(square + i, v, count);
    if (largest) {
      const Vec<A> seen = load_some(largest + i, count);
      v = (v > seen) | (v != v) ? v : seen;
      store_some<A>(largest + i, v, count);
    }
    store_some<A>(param + i, p - m * step / (sqrt(v) * root_scale + eps), count);
  });
}

template <class T>
void sgd_as(const SgdArgs& args) {
  using A = Compute<T>;
  for_list(args.list, [&](const OptimizerTensor& t, int64_t begin, int64_t end, int64_t) {
    void* const operands[] = {t.param, t.grad, args.momentum != 0 ? t.state1 : nullptr};
    with_operands<T>(operands, 0b101, begin, end,
                     [&](A* const* p, int64_t n) { sgd_elements(args, t.first, p[0], p[1], p[2], n); });
  });
}

template <class T>
void adam_as(const AdamArgs& args) {
  using A = Compute<T>;
  for_list(args.list, [&](const OptimizerTensor& t, int64_t begin, int64_t end, int64_t) {
    void* const operands[] = {t.param, t.grad, t.state1, t.state2, args.amsgrad ? t.max_state : nullptr};
    with_operands<T>(operands, 0b11101, begin, end,
                     [&](A* const* p, int64_t n) { adam_elements(args, t, p[0], p[1], p[2], p[3], p[4], n); });
  });
}

template <class T>
void gradient_norm_as(const GradientNormArgs& args) {
  using A = Compute<T>;
  const int64_t chunks = list_chunks(args.list);
  Workspace workspace(size_t(chunks) * sizeof(double));
  double* partial = static_cast<double*>(workspace.data());
  for (int64_t i = 0; i < chunks; ++i) partial[i] = 0;
  for_list(args.list, [&](const OptimizerTensor& t, int64_t begin, int64_t end, int64_t chunk) {
    void* const operands[] = {t.grad};
    with_operands<T>(operands, 0, begin, end, [&](A* const* p, int64_t n) {
      for (int64_t i = 0; i < n; i += kTreeBlock)
        partial[chunk] +=
            double(reduce_block<SumSquares<A>, A>(p[0] + i, int(smaller<int64_t>(kTreeBlock, n - i)), A(0)));
    });
  });
  double sum = 0;
  for (int64_t i = 0; i < chunks; ++i) sum += partial[i];
  *args.sum_of_squares = sum;
}

template <class T>
void scale_gradients_as(const ScaleGradientsArgs& args) {
  using A = Compute<T>;
  const A scale = A(args.scale);
  for_list(args.list, [&](const OptimizerTensor& t, int64_t begin, int64_t end, int64_t) {
    void* const operands[] = {t.grad};
    with_operands<T>(operands, 1, begin, end, [&](A* const* p, int64_t n) {
      for (int64_t i = 0; i < n; ++i) p[0][i] *= scale;
    });
  });
}

#define HOTLOOP_OPTIMIZER(kernel, Args)                       \
  void kernel(const Args& args) {                             \
    switch (args.list.dtype) {                                \
      case DType::f16: return kernel##_as<half_t>(args);      \
      case DType::bf16: return kernel##_as<bfloat16_t>(args); \
      case DType::f64: return kernel##_as<double>(args);      \
      default: return kernel##_as<float>(args);               \
    }                                                         \
  }
HOTLOOP_OPTIMIZER(sgd, SgdArgs)
HOTLOOP_OPTIMIZER(adam, AdamArgs)
HOTLOOP_OPTIMIZER(gradient_norm, GradientNormArgs)
HOTLOOP_OPTIMIZER(scale_gradients, ScaleGradientsArgs)
#undef HOTLOOP_OPTIMIZER

}  // namespace hotloop::HOTLOOP_ISA
