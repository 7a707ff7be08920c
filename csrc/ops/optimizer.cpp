// Optimizer steps. They write parameters in place outside of any graph: users call them under no_grad,
// through hotloop.optim.
#include "ops/optimizer.h"

#include <cmath>

#include "core/error.h"
#include "core/host_lock.h"
#include "core/inline_vector.h"
#include "dispatch/optimizer.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using Tensors = std::vector<Tensor>;

// Tensors of one step must match their parameter and be plain memory; gradients are made so.
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
      check("params", p, p, i);
      if (p->storage->read_only()) fail<ValueError>("%s: params[%zu] is read-only memory", op, i);
      check_sizes("grads", grads[i], p, i);
      dense_.emplace(contiguous(grads[i]));
      OptimizerTensor& t = list_.emplace();
      t = {};
      t.param = p.data();
      t.grad = dense_[int(i)].data();
      t.n = p.numel();
      void** slots[] = {&t.state1, &t.state2, &t.max_state};
      int k = 0;
      for (const Tensors* s : states) {
        if (!s->empty()) {
          check("states", (*s)[i], p, i);
          *slots[k] = (*s)[i].data();
        }
        ++k;
      }
      elements_ += t.n;
    }
  }

  int size() const { return list_.size(); }
  OptimizerTensor& operator[](int i) { return list_[i]; }
  int64_t elements() const { return elements_; }

  // Runs `step` on each stretch of tensors of one dtype.
  template <class F>
  void each_dtype(const Tensors& params, F step) {
    ReleaseHostLock unlock(4 * elements_);
    for (int first = 0; first < size();) {
      int last = first + 1;
      while (last < size() && params[size_t(last)].dtype() == params[size_t(first)].dtype()) ++last;
      step(OptimizerList{params[size_t(first)].dtype(), last - first, &list_[first]});
      first = last;
    }
    for (const Tensor& p : params) p->storage->bump_version();
  }

 private:
  void check_sizes(const char* what, const Tensor& t, const Tensor& p, size_t i) {
    if (!t.defined() || !(t.sizes() == p.sizes()) || t.dtype() != p.dtype())
      fail<ValueError>("%s: %s[%zu] must have the shape %s and dtype %s of its parameter, got %s %s", op_, what, i,
                       to_string(p.sizes()).c_str(), name(p.dtype()),
                       t.defined() ? to_string(t.sizes()).c_str() : "None", t.defined() ? name(t.dtype()) : "");
  }
  void check(const char* what, const Tensor& t, const Tensor& p, size_t i) {
    check_sizes(what, t, p, i);
    if (!t.is_contiguous())
      fail<ValueError>("%s: %s[%zu] must be contiguous, got shape %s with strides %s", op_, what, i,
                       to_string(t.sizes()).c_str(), to_string(t.strides()).c_str());
  }

  const char* op_;
  InlineVector<OptimizerTensor, 8> list_;
  InlineVector<Tensor, 8> dense_;
  int64_t elements_ = 0;
};

}  // namespace

void sgd_step(const Tensors& params, const Tensors& grads, const Tensors& buffers, const SgdOptions& o) {
  StepList list("sgd_step", params, grads, {&buffers});
  for (int i = 0; i < list.size(); ++i) list[i].first = o.first_step;
  list.each_dtype(params, [&](const OptimizerList& l) {
    dispatch::sgd({l, o.lr, o.momentum, o.dampening, o.weight_decay, o.nesterov, o.maximize});
  });
}

void adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
               const Tensors& max_exp_avg_sqs, const AdamOptions& o) {
  if (exp_avgs.size() != params.size() || exp_avg_sqs.size() != params.size())
    fail<ValueError>("adam_step: got %zu params, %zu exp_avgs and %zu exp_avg_sqs", params.size(), exp_avgs.size(),
                     exp_avg_sqs.size());
  if (o.step < 1) fail<ValueError>("adam_step: step counts from 1, got %lld", static_cast<long long>(o.step));
  StepList list("adam_step", params, grads, {&exp_avgs, &exp_avg_sqs, &max_exp_avg_sqs});
  for (int i = 0; i < list.size(); ++i) {
    list[i].bias_correction1 = 1 - std::pow(o.beta1, double(o.step));
    list[i].bias_correction2 = 1 - std::pow(o.beta2, double(o.step));
  }
  list.each_dtype(params, [&](const OptimizerList& l) {
    dispatch::adam({l, o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.decoupled, o.amsgrad, o.maximize});
  });
}

Tensor total_norm(const Tensors& tensors) {
  if (tensors.empty()) return full({}, 0.0, default_dtype(), Device{});
  StepList list("total_norm", tensors, tensors, {});
  double sum = 0;
  DType widest = tensors[0].dtype();
  for (const Tensor& t : tensors) widest = promote(widest, t.dtype());
  for (int i = 0; i < list.size(); ++i) {
    double part = 0;
    dispatch::gradient_norm({OptimizerList{tensors[size_t(i)].dtype(), 1, &list[i]}, &part});
    sum += part;
  }
  return scalar_tensor(std::sqrt(sum), widest);
}

}  // namespace hotloop::ops
