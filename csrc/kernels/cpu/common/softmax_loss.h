// Cross entropy (kernels/args/softmax.h): two reads of a row for the loss, one for the gradient; and nll_loss, which reads
// one element of a row.
#pragma once

#include "kernels/cpu/common/softmax.h"

namespace hotloop::HOTLOOP_ISA {

// The vectors that all rows share, in the compute type.
template <class A>
struct LossTerms {
  int64_t classes;
  const A* weight;  // or null
  A target_share;   // 1 - label_smoothing
  A class_share;    // label_smoothing / classes
  A weight_sum;     // of all classes
};

template <class A>
Vec<A> class_weight(const LossTerms<A>& terms, int64_t i, int count) {
  return terms.weight ? load_some(terms.weight + i, count) : broadcast(A(1));
}

// sum_c q[c] (lse - x[c]) with q = w ((1 - e) p + e / C); without p only the smoothing's part.
template <class A>
A spread_loss(const LossTerms<A>& terms, const A* x, const A* p, A lse) {
  return sum_row<A>(terms.classes, [&](int64_t i, int count) __attribute__((always_inline)) {
    Vec<A> share = broadcast(terms.class_share);
    if (p) share += load_some(p + i, count) * terms.target_share;
    return keep_lanes<A>(share * class_weight(terms, i, count) * (lse - load_some(x + i, count)), count);
  });
}

template <class A>
A loss_of_row(const LossTerms<A>& terms, const A* x, const A* next, const A* p, int64_t target, A& lse) {
  const A max = max_of_row(x, terms.classes);
  lse = log_of(sum_exp_of_row(x, next, terms.classes, max)) + max;
  if (p) return spread_loss(terms, x, p, lse);
  const A w = terms.weight ? terms.weight[target] : A(1);
  const A loss = w * (lse - x[target]);
  return terms.class_share == 0 ? loss : terms.target_share * loss + spread_loss<A>(terms, x, nullptr, lse);
}

template <class A>
void loss_gradient_of_row(const LossTerms<A>& terms, A* grad, const A* x, const A* p, int64_t target, A lse, A scale) {
  const int64_t n = terms.classes;
  if (p) {
    const A mass = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
      const Vec<A> q =
          (load_some(p + i, count) * terms.target_share + terms.class_share) * class_weight(terms, i, count);
      return keep_lanes<A>(q, count);
    });
    return for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
      const Vec<A> q =
          (load_some(p + i, count) * terms.target_share + terms.class_share) * class_weight(terms, i, count);
      store_some<A>(grad + i, (exp(load_some(x + i, count) - lse) * mass - q) * scale, count);
    });
  }
  const A w = terms.weight ? terms.weight[target] : A(1);
  const A of_softmax = (terms.target_share * w + terms.class_share * terms.weight_sum) * scale;
  const A of_class = terms.class_share * scale;
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    Vec<A> g = exp(load_some(x + i, count) - lse) * of_softmax;
    if (of_class != 0) g -= class_weight(terms, i, count) * of_class;
    store_some<A>(grad + i, g, count);
  });
  grad[target] -= terms.target_share * w * scale;
}

// args with typed pointers, and rows of any layout as contiguous rows of A.
template <class T>
struct LossProblem {
  using A = Compute<T>;
  const CrossEntropyArgs& args;
  LossTerms<A> terms;
  Workspace weight_copy;

  explicit LossProblem(const CrossEntropyArgs& a)
      : args(a), weight_copy(a.weight && !__is_same(T, A) ? size_t(a.classes) * sizeof(A) : 0) {
    const A* weight = static_cast<const A*>(a.weight);
    if (a.weight && !__is_same(T, A)) {
      weight = static_cast<const A*>(weight_copy.data());
      gather_rows(static_cast<A*>(weight_copy.data()), static_cast<const T*>(a.weight), 0, 1, 1, a.classes);
    }
    terms = {a.classes, weight, A(1 - a.label_smoothing), A(a.label_smoothing / double(a.classes)), A(a.classes)};
    if (weight)
      terms.weight_sum = sum_row<A>(
          a.classes, [&](int64_t i, int count) __attribute__((always_inline)) { return load_some(weight + i, count); });
  }
  int64_t target(int64_t o, int64_t j) const {
    return args.target ? args.target[o * args.target_outer_stride + j * args.target_inner_stride] : 0;
  }
  bool ignored(int64_t target) const { return args.target && target == args.ignore_index; }

  // Whether for_rows gives rows where they lie; else as rows of A next to each other.
  bool rows_in_place() const {
    if (!__is_same(T, A)) return false;
    const bool probabilities = !args.target && args.probabilities, grad = args.grad_logits;
    return args.classes == 1 || (args.logits_strides.n == 1 && (!probabilities || args.probabilities_strides.n == 1) &&
                                 (!grad || args.grad_logits_strides.n == 1));
  }
  // From a row of logits, as for_rows gives it, to the next.
  int64_t row_step() const { return rows_in_place() ? row_stride(args.logits_strides, args.inner) : args.classes; }

  // Calls body(row, o, j, x, p, g) for every row: x logits, p probabilities or null, g where the gradient goes.
  template <class F>
  void for_rows(F&& body) const {
    const int64_t n = args.classes;
    const RowStrides &xs = args.logits_strides, &ps = args.probabilities_strides, &gs = args.grad_logits_strides;
    const T* logits = static_cast<const T*>(args.logits);
    const T* probabilities = args.target ? nullptr : static_cast<const T*>(args.probabilities);
    T* grad = static_cast<T*>(args.grad_logits);
    const bool in_place = rows_in_place();
    const int operands = 1 + (probabilities != nullptr) + (grad != nullptr);
    const int64_t most = in_place ? rows_of_chunk(n) : rows_of_tile(n, operands * int64_t(sizeof(A)));
    for_row_runs(args.outer, args.inner, n, most, [&](int64_t o, int64_t j, int64_t rows) {
      const T* x = logits + o * xs.outer + j * xs.inner;
      const T* p = probabilities ? probabilities + o * ps.outer + j * ps.inner : nullptr;
      T* g = grad ? grad + o * gs.outer + j * gs.inner : nullptr;
      if constexpr (__is_same(T, A)) {
        if (in_place) {
          for (int64_t r = 0; r < rows; ++r)
            body(o * args.inner + j + r, o, j + r, x + r * xs.inner, p ? p + r * ps.inner : nullptr,
                 g ? g + r * gs.inner : nullptr);
          return;
        }
      }
      Workspace tile(size_t(operands * rows * n) * sizeof(A));
      A* x_rows = static_cast<A*>(tile.data());
      A* p_rows = p ? x_rows + rows * n : nullptr;
      A* g_rows = g ? x_rows + (operands - 1) * rows * n : nullptr;
      gather_rows(x_rows, x, xs.inner, xs.n, rows, n);
      if (p) gather_rows(p_rows, p, ps.inner, ps.n, rows, n);
      for (int64_t r = 0; r < rows; ++r)
        body(o * args.inner + j + r, o, j + r, x_rows + r * n, p ? p_rows + r * n : nullptr,
             g ? g_rows + r * n : nullptr);
      if (g) scatter_rows(g, gs.inner, gs.n, g_rows, rows, n);
    });
  }
};

// How many rows are not ignored; -1 where one of them has no class.
inline int64_t count_kept(const CrossEntropyArgs& args) {
  const int64_t classes = args.classes, ignored = args.ignore_index;
  const bool outward = args.inner == 1;
  const int64_t lines = outward ? 1 : args.outer, count = outward ? args.outer : args.inner;
  const int64_t step = outward ? args.target_outer_stride : args.target_inner_stride;
  int64_t kept = 0, bad = 0;
  const auto look = [&](int64_t t) {
    kept += t != ignored;
    bad |= (t != ignored) & (uint64_t(t) >= uint64_t(classes));
  };
  for (int64_t o = 0; o < lines; ++o) {
    const int64_t* target = args.target + o * args.target_outer_stride;
    if (step == 1)
      for (int64_t i = 0; i < count; ++i) look(target[i]);
    else
#pragma GCC unroll 1
      for (int64_t i = 0; i < count; ++i) look(target[i * step]);
  }
  return bad ? -1 : kept;
}

inline int64_t first_bad_row(const CrossEntropyArgs& args) {
  if (!args.target || count_kept(args) >= 0) return -1;
  for (int64_t o = 0; o < args.outer; ++o)
    for (int64_t j = 0; j < args.inner; ++j) {
      const int64_t t = args.target[o * args.target_outer_stride + j * args.target_inner_stride];
      if (t != args.ignore_index && (t < 0 || t >= args.classes)) return o * args.inner + j;
    }
  return -1;
}

template <class T>
void cross_entropy_as(const CrossEntropyArgs& args) {
  using A = Compute<T>;
  *args.bad_row = first_bad_row(args);
  if (*args.bad_row >= 0) return;
  CrossEntropyArgs forward = args;
  forward.grad_logits = nullptr;
  const LossProblem<T> problem(forward);
  const int64_t rows = args.outer * args.inner;
  A* logsumexp = static_cast<A*>(args.logsumexp);
  const auto put = [&](int64_t i, A value) {
    if constexpr (__is_same(T, A))
      static_cast<T*>(args.loss)[i] = value;
    else
      scatter_rows(static_cast<T*>(args.loss) + i, 0, 1, &value, 1, 1);
  };
  const bool each = args.reduction == LossReduction::none;
  Workspace losses(each ? 0 : size_t(rows) * sizeof(A));
  A* loss_of = static_cast<A*>(losses.data());
  problem.for_rows([&](int64_t row, int64_t o, int64_t j, const A* x, const A* p, A*) {
    const int64_t target = problem.target(o, j);
    A loss = 0;
    if (problem.ignored(target))
      logsumexp[row] = 0;
    else
      loss = loss_of_row(problem.terms, x, next_row(x, problem.row_step(), args.classes), p, target, logsumexp[row]);
    if (each)
      put(row, loss);
    else
      loss_of[row] = loss;
  });
  double divisor = 1;
  if (args.reduction == LossReduction::mean) {
    divisor = args.target ? 0 : double(rows);
    if (args.target)
      for (int64_t o = 0; o < args.outer; ++o)
        for (int64_t j = 0; j < args.inner; ++j) {
          const int64_t t = problem.target(o, j);
          if (!problem.ignored(t)) divisor += problem.terms.weight ? double(problem.terms.weight[t]) : 1.0;
        }
  }
  *static_cast<A*>(args.divisor) = A(divisor);
  if (each) return;
  double total = 0;
  for (int64_t i = 0; i < rows; ++i) total += double(loss_of[i]);
  put(0, A(total / divisor));
}

template <class T>
void cross_entropy_backward_as(const CrossEntropyArgs& args) {
  using A = Compute<T>;
  const LossProblem<T> problem(args);
  const A* logsumexp = static_cast<const A*>(args.logsumexp);
  const bool each = args.reduction == LossReduction::none;
  const auto grad_out = [&](int64_t i) {
    A value;
    gather_rows(&value, static_cast<const T*>(args.grad_out) + i, 0, 1, 1, 1);
    return value;
  };
  const A common = each ? A(0) : grad_out(0) / *static_cast<const A*>(args.divisor);
  problem.for_rows([&](int64_t row, int64_t o, int64_t j, const A* x, const A* p, A* g) {
    const int64_t target = problem.target(o, j);
    if (problem.ignored(target)) {
      for (int64_t i = 0; i < args.classes; ++i) g[i] = 0;
      return;
    }
    const A scale = each ? grad_out(o * args.grad_out_outer_stride + j * args.grad_out_inner_stride) : common;
    loss_gradient_of_row(problem.terms, g, x, p, target, logsumexp[row], scale);
  });
}

// --- nll_loss -----------------------------------------------------------------------------------------
constexpr int64_t kPickWork = 16;  // of a row, which waits for its element, next to one of for_row_runs' elements
constexpr int64_t kPickRun = 1024;

// Calls body(first, o, j, count) for runs of rows along the longer of the two dims, `first` their number.
template <class F>
void for_picked_rows(const CrossEntropyArgs& args, F&& body) {
  const bool outward = args.inner == 1;
  for_row_runs(outward ? 1 : args.outer, outward ? args.outer : args.inner, kPickWork, kPickRun,
               [&](int64_t o, int64_t j, int64_t count) {
                 outward ? body(j, j, int64_t(0), count) : body(o * args.inner + j, o, j, count);
               });
}

// The losses of rows, and where kWeighted their weights.
template <bool kWeighted, class T, class A = Compute<T>>
void pick_losses(const CrossEntropyArgs& args, A* losses, A* weights) {
  const bool outward = args.inner == 1;
  const int64_t step = outward ? args.logits_strides.outer : args.logits_strides.inner,
                class_step = args.logits_strides.n;
  const int64_t target_step = outward ? args.target_outer_stride : args.target_inner_stride;
  const int64_t ignored = args.ignore_index;
  const T* weight = static_cast<const T*>(args.weight);
  for_picked_rows(args, [&](int64_t first, int64_t o, int64_t j, int64_t count) {
    const T* x = static_cast<const T*>(args.logits) + o * args.logits_strides.outer + j * args.logits_strides.inner;
    const int64_t* target = args.target + o * args.target_outer_stride + j * args.target_inner_stride;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t t = target[i * target_step], at = t != ignored ? t : 0;
      const A loss = -to_compute(x[i * step + at * class_step]), w = kWeighted ? to_compute(weight[at]) : A(1);
      losses[first + i] = t != ignored ? loss * w : A(0);
      if (kWeighted) weights[first + i] = t != ignored ? w : A(0);
    }
  });
}

template <class T>
void nll_loss_as(const CrossEntropyArgs& args) {
  using A = Compute<T>;
  *args.bad_row = first_bad_row(args);
  if (*args.bad_row >= 0) return;
  const bool each = args.reduction == LossReduction::none, in_place = each && __is_same(T, A);
  const int64_t rows = args.outer * args.inner;
  Workspace memory(size_t(in_place ? 0 : rows) * sizeof(A)), weight_memory(args.weight ? size_t(rows) * sizeof(A) : 0);
  A* losses = in_place ? static_cast<A*>(args.loss) : static_cast<A*>(memory.data());
  A* weights = args.weight ? static_cast<A*>(weight_memory.data()) : nullptr;
  if (args.classes == 0) {  // all rows are ignored
    __builtin_memset(losses, 0, size_t(rows) * sizeof(A));
    if (weights) __builtin_memset(weights, 0, size_t(rows) * sizeof(A));
  } else if (weights) {
    pick_losses<true, T>(args, losses, weights);
  } else {
    pick_losses<false, T>(args, losses, weights);
  }
  const auto total = [&](const A* x) {
    return sum_row<A>(rows,
                      [&](int64_t i, int count) __attribute__((always_inline)) { return load_some(x + i, count); });
  };
  A divisor = 1;
  if (args.reduction == LossReduction::mean) divisor = weights ? total(weights) : A(count_kept(args));
  *static_cast<A*>(args.divisor) = divisor;
  if (!each) *static_cast<T*>(args.loss) = from_compute<T>(total(losses) / divisor);
  if constexpr (!__is_same(T, A))
    if (each) store_row(static_cast<T*>(args.loss), losses, rows);
}

template <class T>
void nll_loss_backward_as(const CrossEntropyArgs& args) {
  using A = Compute<T>;
  const bool each = args.reduction == LossReduction::none, outward = args.inner == 1;
  const int64_t step = outward ? args.grad_logits_strides.outer : args.grad_logits_strides.inner;
  const int64_t target_step = outward ? args.target_outer_stride : args.target_inner_stride;
  const int64_t grad_step = outward ? args.grad_out_outer_stride : args.grad_out_inner_stride;
  const T* weight = static_cast<const T*>(args.weight);
  const T* grad_out = static_cast<const T*>(args.grad_out);
  const A common = each ? A(0) : -to_compute(*grad_out) / *static_cast<const A*>(args.divisor);
  for_picked_rows(args, [&](int64_t, int64_t o, int64_t j, int64_t count) {
    T* grad =
        static_cast<T*>(args.grad_logits) + o * args.grad_logits_strides.outer + j * args.grad_logits_strides.inner;
    const int64_t* target = args.target + o * args.target_outer_stride + j * args.target_inner_stride;
    const T* of_row = grad_out + o * args.grad_out_outer_stride + j * args.grad_out_inner_stride;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t t = target[i * target_step];
      if (t == args.ignore_index) continue;
      const A scale = each ? -to_compute(of_row[i * grad_step]) : common;
      grad[i * step + t * args.grad_logits_strides.n] = from_compute<T>(weight ? scale * to_compute(weight[t]) : scale);
    }
  });
}

void cross_entropy(const CrossEntropyArgs& args) {
  with_float(args.dtype, [&](auto zero) { cross_entropy_as<decltype(zero)>(args); });
}
void cross_entropy_backward(const CrossEntropyArgs& args) {
  with_float(args.dtype, [&](auto zero) { cross_entropy_backward_as<decltype(zero)>(args); });
}
void nll_loss(const CrossEntropyArgs& args) {
  with_float(args.dtype, [&](auto zero) { nll_loss_as<decltype(zero)>(args); });
}
void nll_loss_backward(const CrossEntropyArgs& args) {
  with_float(args.dtype, [&](auto zero) { nll_loss_backward_as<decltype(zero)>(args); });
}

}  // namespace hotloop::HOTLOOP_ISA
