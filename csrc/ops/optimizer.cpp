// Optimizer steps. They write parameters in place outside of any graph: users call them under no_grad,
// through hotloop.optim.
#include "ops/optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/host_lock.h"
#include "core/inline_vector.h"
#include "dispatch/optimizer.h"
#include "ops/arithmetic.h"
#include "ops/broadcast.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using Tensors = TensorList;

// Tensors of one step must match their parameter. Kernels take plain memory: gradients are made so, and strided
// parameters and states are stepped in copies.
class StepList {
 public:
  StepList(const char* op, const Tensors& params, const Tensors& grads, std::initializer_list<const Tensors*> states)
      : op_(op) {
    if (grads.size() != params.size())
      fail<ValueError>("%s: got %zu params and %zu grads", op, params.size(), grads.size());
    for (const Tensors* s : states)
      if (!s->empty() && s->size() != params.size())
        fail<ValueError>("%s: got %zu params and a list of %zu state tensors", op, params.size(), s->size());
    for (size_t i = 0; i < params.size(); ++i) {
      const Tensor& p = params[i];
      if (!is_floating(p.dtype()))
        fail<TypeError>("%s: params[%zu] must be floating point, got %s", op, i, name(p.dtype()));
      if (p->storage->read_only()) fail<ValueError>("%s: params[%zu] is read-only memory", op, i);
      check_sizes("grads", grads[i], p, i);
      dense_.emplace(contiguous(grads[i]));
      OptimizerTensor& t = list_.emplace();
      t = {};
      t.param = plain(p);
      t.grad = dense_[int(i)].data();
      t.n = p.numel();
      t.rate = 1;
      int k = 0;
      for (const Tensors* s : states) {
        if (!s->empty()) {
          check_sizes("states", (*s)[i], p, i);
          t.state[k] = plain((*s)[i]);
        }
        ++k;
      }
      elements_ += t.n;
    }
  }

  int size() const { return list_.size(); }
  OptimizerTensor& operator[](int i) { return list_[i]; }
  int64_t elements() const { return elements_; }

  // Runs the kernel on each stretch of tensors of one dtype.
  template <class Args>
  void run(const Tensors& params, void (*kernel)(Device, const Args&), Args args) {
    ReleaseHostLock unlock(4 * elements_);
    for (int first = 0; first < size();) {
      int last = first + 1;
      while (last < size() && params[size_t(last)].dtype() == params[size_t(first)].dtype()) ++last;
      args.list = {params[size_t(first)].dtype(), last - first, &list_[first]};
      kernel(params[size_t(first)].device(), args);
      first = last;
    }
    for (const auto& [strided, copy] : copies_) copy_(strided, copy);
    for (const Tensor& p : params) p->storage->bump_version();
  }

 private:
  void check_sizes(const char* what, const Tensor& t, const Tensor& p, size_t i) {
    if (!t.defined() || !(t.sizes() == p.sizes()) || t.dtype() != p.dtype())
      fail<ValueError>("%s: %s[%zu] must have the shape %s and dtype %s of its parameter, got %s %s", op_, what, i,
                       to_string(p.sizes()).c_str(), name(p.dtype()),
                       t.defined() ? to_string(t.sizes()).c_str() : "None", t.defined() ? name(t.dtype()) : "");
  }
  // Where the kernel steps: the tensor's own memory, or a copy's, which run() brings back.
  void* plain(const Tensor& t) {
    if (t.is_contiguous()) return t.data();
    const Tensor strided = make_view(t, t.sizes(), t.strides());  // without a history
    copies_.emplace_back(strided, contiguous(strided));
    return copies_.back().second.data();
  }

  const char* op_;
  InlineVector<OptimizerTensor, 8> list_;
  InlineVector<Tensor, 8> dense_;
  std::vector<std::pair<Tensor, Tensor>> copies_;
  int64_t elements_ = 0;
};

// States that a step always keeps.
void require_states(const char* op, const Tensors& params, std::initializer_list<const Tensors*> states) {
  for (const Tensors* s : states)
    if (s->size() != params.size())
      fail<ValueError>("%s: got %zu params and a list of %zu state tensors", op, params.size(), s->size());
}

void require_step(const char* op, int64_t step) {
  if (step < 1) fail<ValueError>("%s: step counts from 1, got %lld", op, static_cast<long long>(step));
}

double bias_correction(double beta, int64_t step) { return 1 - std::pow(beta, double(step)); }

// The nearest semi-orthogonal matrix to x, roughly: its singular values come near 1. In bf16, as PyTorch has it.
Tensor orthogonalized(const Tensor& x, const NewtonSchulz& o) {
  const bool tall = x.size(0) > x.size(1);
  Tensor y = to_dtype(tall ? t(x) : x, DType::bf16);
  y = y / clamp_between(total_norm({contiguous(y)}, NormOrder::two), scalar_tensor(o.eps, DType::bf16), Tensor());
  for (int64_t i = 0; i < o.steps; ++i) {
    const Tensor gram = mm(y, t(y));
    y = addmm(y, addmm(gram, gram, gram, o.b, o.c), y, o.a, 1);
  }
  return contiguous(to_dtype(tall ? t(y) : y, x.dtype()));
}

}  // namespace

void sgd_step(const Tensors& params, const Tensors& grads, const Tensors& buffers, SgdArgs args, bool first_step) {
  StepList list("sgd_step", params, grads, {&buffers});
  for (int i = 0; i < list.size(); ++i) list[i].first = first_step;
  list.run(params, dispatch::sgd, args);
}

void adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
               const Tensors& max_exp_avg_sqs, AdamArgs args, int64_t step) {
  require_states("adam_step", params, {&exp_avgs, &exp_avg_sqs});
  require_step("adam_step", step);
  StepList list("adam_step", params, grads, {&exp_avgs, &exp_avg_sqs, &max_exp_avg_sqs});
  args.bias_correction1 = bias_correction(args.beta1, step);
  args.bias_correction2 = bias_correction(args.beta2, step);
  list.run(params, dispatch::adam, args);
}

void rmsprop_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs,
                  const Tensors& momentum_buffers, const Tensors& grad_avgs, RmspropArgs args) {
  require_states("rmsprop_step", params, {&square_avgs});
  StepList list("rmsprop_step", params, grads, {&square_avgs, &momentum_buffers, &grad_avgs});
  list.run(params, dispatch::rmsprop, args);
}

void adagrad_step(const Tensors& params, const Tensors& grads, const Tensors& sums, AdagradArgs args) {
  require_states("adagrad_step", params, {&sums});
  StepList("adagrad_step", params, grads, {&sums}).run(params, dispatch::adagrad, args);
}

void adadelta_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& acc_deltas,
                   AdadeltaArgs args) {
  require_states("adadelta_step", params, {&square_avgs, &acc_deltas});
  StepList("adadelta_step", params, grads, {&square_avgs, &acc_deltas}).run(params, dispatch::adadelta, args);
}

void adamax_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_infs,
                 AdamaxArgs args, int64_t step) {
  require_states("adamax_step", params, {&exp_avgs, &exp_infs});
  require_step("adamax_step", step);
  args.rate = args.lr / bias_correction(args.beta1, step);
  StepList("adamax_step", params, grads, {&exp_avgs, &exp_infs}).run(params, dispatch::adamax, args);
}

double nadam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                  NadamArgs args, double momentum_decay, double mu_product, int64_t step) {
  require_states("nadam_step", params, {&exp_avgs, &exp_avg_sqs});
  require_step("nadam_step", step);
  // The momentum warms up (Dozat 2016): mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2).
  const auto mu = [&](int64_t t) { return args.beta1 * (1 - 0.5 * std::pow(0.96, double(t) * momentum_decay)); };
  const double now = mu(step), next = mu(step + 1), product = mu_product * now;
  args.grad_rate = args.lr * (1 - now) / (1 - product);
  args.mean_rate = args.lr * next / (1 - product * next);
  args.bias_correction2 = bias_correction(args.beta2, step);
  StepList("nadam_step", params, grads, {&exp_avgs, &exp_avg_sqs}).run(params, dispatch::nadam, args);
  return product;
}

void radam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                RadamArgs args, int64_t step) {
  require_states("radam_step", params, {&exp_avgs, &exp_avg_sqs});
  require_step("radam_step", step);
  const double correction2 = bias_correction(args.beta2, step);
  args.rate = args.lr / bias_correction(args.beta1, step);
  // The length of the average that the squares make up, at its longest and now; below 5 they are too few to divide by.
  const double longest = 2 / (1 - args.beta2) - 1;
  const double length = longest - 2 * double(step) * std::pow(args.beta2, double(step)) / correction2;
  args.adaptive = length > 5;
  if (args.adaptive)
    args.rate *=
        std::sqrt(correction2 * (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
  StepList("radam_step", params, grads, {&exp_avgs, &exp_avg_sqs}).run(params, dispatch::radam, args);
}

void lion_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, LionArgs args) {
  require_states("lion_step", params, {&exp_avgs});
  StepList("lion_step", params, grads, {&exp_avgs}).run(params, dispatch::lion, args);
}

void muon_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers, MuonMomentumArgs args,
               const NewtonSchulz& iteration, MuonRate rate) {
  require_states("muon_step", params, {&momentum_buffers});
  Tensors updates(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    if (params[i].ndim() != 2)
      fail<ValueError>("muon_step: params[%zu] must be 2-dimensional, got shape %s", i,
                       to_string(params[i].sizes()).c_str());
    updates[i] = empty(params[i].sizes(), params[i].dtype(), params[i].device());
  }
  StepList("muon_step", params, grads, {&momentum_buffers, &updates}).run(params, dispatch::muon_momentum, args);
  for (Tensor& update : updates)
    if (update.numel() > 0) update = orthogonalized(update, iteration);
  StepList list("muon_step", params, updates, {});
  for (int i = 0; i < list.size(); ++i) {
    const double rows = double(params[size_t(i)].size(0)), columns = double(params[size_t(i)].size(1));
    list[i].rate = rate == MuonRate::original ? std::sqrt(std::max(1.0, rows / columns))
                                              : 0.2 * std::sqrt(std::max(rows, columns));
  }
  list.run(params, dispatch::sgd, SgdArgs{{}, {}, args.lr, 0, 0, false});
}

void lerp_tensors(const Tensors& tensors, const Tensors& ends, double weight) {
  StepList("lerp_tensors", tensors, ends, {}).run(tensors, dispatch::average, AverageArgs{{}, {}, 0, weight});
}

Tensor total_norm(const Tensors& tensors, NormOrder order) {
  if (tensors.empty()) return full({}, 0.0, default_dtype(), Device{});
  StepList list("total_norm", tensors, tensors, {});
  DType widest = tensors[0].dtype();
  for (const Tensor& t : tensors) widest = promote(widest, t.dtype());
  // A part for each tensor: which tensors have one dtype, or one device, doesn't change the bits.
  std::vector<Tensor> parts;
  for (int i = 0; i < list.size(); ++i) {
    const Tensor& t = tensors[size_t(i)];
    const Tensor part = empty({1}, DType::f64, t.device());
    dispatch::gradient_norm(t.device(), {OptimizerList{t.dtype(), 1, &list[i]}, order, part.data<double>()});
    parts.push_back(to_device(part, tensors[0].device()));
  }
  const Tensor all = cat(parts, 0);
  return to_dtype(order == NormOrder::infinity ? amax(all)
                  : order == NormOrder::two    ? sqrt(sum(all))
                                               : sum(all),
                  widest);
}

void scale_tensors(const Tensors& tensors, double scale) {
  // Every tensor stands for its own gradient; one that isn't plain memory is multiplied by itself.
  Tensors plain;
  for (const Tensor& t : tensors) {
    if (t.is_contiguous() && is_floating(t.dtype()))
      plain.push_back(t);
    else
      mul_(t, scalar_tensor(scale, t.dtype()));
  }
  StepList("scale_tensors", plain, plain, {}).run(plain, dispatch::scale_gradients, ScaleGradientsArgs{{}, scale});
}

}  // namespace hotloop::ops
