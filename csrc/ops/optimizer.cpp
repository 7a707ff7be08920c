// Optimizer steps. They write parameters in place outside of any graph: users call them under no_grad,
// through hotloop.optim.
#include "ops/optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/capture.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "core/inline_vector.h"
#include "dispatch/optimizer.h"
#include "kernels/args/optimizer_clock.h"
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

  // Runs the kernel on each stretch of tensors of one dtype and one device.
  template <class Args>
  void run(const Tensors& params, void (*kernel)(Device, const Args&), Args args) {
    ReleaseHostLock unlock(4 * elements_);
    for (int first = 0; first < size();) {
      int last = first + 1;
      const Tensor& p = params[size_t(first)];
      while (last < size() && params[size_t(last)].dtype() == p.dtype() && params[size_t(last)].device() == p.device())
        ++last;
      args.list = {p.dtype(), last - first, &list_[first], args.list.memory};
      kernel(p.device(), args);
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

// Whether a number is to be read by the kernels of the parameters, which lie where it does.
bool is_for_kernels(const Varying& number, const Tensors& params) {
  if (!number.tensor.defined() || number.tensor.device().type != DeviceType::cuda) return false;
  return std::all_of(params.begin(), params.end(),
                     [&](const Tensor& p) { return p.device() == number.tensor.device(); });
}
double on_host(const Varying& number) {
  return number.tensor.defined() ? item(number.tensor).as_double() : number.value;
}

const Tensor& require_number(const char* op, const char* argument, const Tensor& t, bool fits) {
  if (!fits || t.numel() != 1)
    fail<ValueError>("%s: %s in the GPU's memory must be one number, %s, got %s of shape %s", op, argument,
                     argument[0] == 'l'   ? "float32 or float64"
                     : argument[0] == 's' ? "float32"
                                          : "float64",
                     name(t.dtype()), to_string(t.sizes()).c_str());
  return t;
}

// Runs a step with what its clock says, be it on the host or in the GPU's memory. kCounts: its numbers follow from
// the count of steps. Returns the product of NAdam's momenta with this step's.
template <bool kCounts, class Args>
double take_step(const char* op, StepList&& list, const Tensors& params, void (*kernel)(Device, const Args&), Args args,
                 const Clock& clock) {
  double mu_product = 0;
  StepMemory memory{};
  if (is_for_kernels(kCounts ? clock.step : clock.lr, params)) {
    args.list.memory = &memory;
    if (is_for_kernels(clock.lr, params)) {
      const DType dtype = clock.lr.tensor.dtype();
      memory.lr_dtype = dtype;
      memory.lr = require_number(op, "lr", clock.lr.tensor, dtype == DType::f32 || dtype == DType::f64).data();
    } else {
      args.lr = on_host(clock.lr);
    }
    if (kCounts) {
      const Tensor &made = clock.step.tensor, &product = clock.mu_product.tensor;
      memory.steps_made = require_number(op, "step", made, made.dtype() == DType::f32).template data<float>();
      if (product.defined())
        memory.mu_product =
            require_number(op, "mu_product", product, product.dtype() == DType::f64).template data<double>();
    }
  } else {
    args.lr = on_host(clock.lr);
    if (kCounts) {
      if (!params.empty() && gpu::is_capturing(params[0].device()))
        fail<CaptureError>(
            "the step's number is the host's, and would be the same at every replay: make the optimizer "
            "with capturable=True");
      const double step = clock.step.tensor.defined() ? on_host(clock.step) + 1 : clock.step.value;
      if (!(step >= 1)) fail<ValueError>("%s: step counts from 1, got %g", op, step);
      mu_product = on_host(clock.mu_product);
      set_step(args, step, mu_product);
    }
  }
  list.run(params, kernel, args);
  return mu_product;
}

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

void sgd_step(const Tensors& params, const Tensors& grads, const Tensors& buffers, SgdArgs args, const Clock& clock,
              bool first_step) {
  StepList list("sgd_step", params, grads, {&buffers});
  for (int i = 0; i < list.size(); ++i) list[i].first = first_step;
  take_step<false>("sgd_step", std::move(list), params, dispatch::sgd, args, clock);
}

void adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
               const Tensors& max_exp_avg_sqs, AdamArgs args, const Clock& clock) {
  require_states("adam_step", params, {&exp_avgs, &exp_avg_sqs});
  take_step<true>("adam_step", StepList("adam_step", params, grads, {&exp_avgs, &exp_avg_sqs, &max_exp_avg_sqs}),
                  params, dispatch::adam, args, clock);
}

void rmsprop_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs,
                  const Tensors& momentum_buffers, const Tensors& grad_avgs, RmspropArgs args, const Clock& clock) {
  require_states("rmsprop_step", params, {&square_avgs});
  take_step<false>("rmsprop_step",
                   StepList("rmsprop_step", params, grads, {&square_avgs, &momentum_buffers, &grad_avgs}), params,
                   dispatch::rmsprop, args, clock);
}

void adagrad_step(const Tensors& params, const Tensors& grads, const Tensors& sums, AdagradArgs args,
                  const Clock& clock) {
  require_states("adagrad_step", params, {&sums});
  take_step<false>("adagrad_step", StepList("adagrad_step", params, grads, {&sums}), params, dispatch::adagrad, args,
                   clock);
}

void adadelta_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& acc_deltas,
                   AdadeltaArgs args, const Clock& clock) {
  require_states("adadelta_step", params, {&square_avgs, &acc_deltas});
  take_step<false>("adadelta_step", StepList("adadelta_step", params, grads, {&square_avgs, &acc_deltas}), params,
                   dispatch::adadelta, args, clock);
}

void adamax_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_infs,
                 AdamaxArgs args, const Clock& clock) {
  require_states("adamax_step", params, {&exp_avgs, &exp_infs});
  take_step<true>("adamax_step", StepList("adamax_step", params, grads, {&exp_avgs, &exp_infs}), params,
                  dispatch::adamax, args, clock);
}

double nadam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                  NadamArgs args, const Clock& clock) {
  require_states("nadam_step", params, {&exp_avgs, &exp_avg_sqs});
  return take_step<true>("nadam_step", StepList("nadam_step", params, grads, {&exp_avgs, &exp_avg_sqs}), params,
                         dispatch::nadam, args, clock);
}

void radam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                RadamArgs args, const Clock& clock) {
  require_states("radam_step", params, {&exp_avgs, &exp_avg_sqs});
  take_step<true>("radam_step", StepList("radam_step", params, grads, {&exp_avgs, &exp_avg_sqs}), params,
                  dispatch::radam, args, clock);
}

void lion_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, LionArgs args,
               const Clock& clock) {
  require_states("lion_step", params, {&exp_avgs});
  take_step<false>("lion_step", StepList("lion_step", params, grads, {&exp_avgs}), params, dispatch::lion, args, clock);
}

void muon_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers, MuonMomentumArgs args,
               const Clock& clock, const NewtonSchulz& iteration, MuonRate rate) {
  require_states("muon_step", params, {&momentum_buffers});
  Tensors updates(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    if (params[i].ndim() != 2)
      fail<ValueError>("muon_step: params[%zu] must be 2-dimensional, got shape %s", i,
                       to_string(params[i].sizes()).c_str());
    updates[i] = empty(params[i].sizes(), params[i].dtype(), params[i].device());
  }
  take_step<false>("muon_step", StepList("muon_step", params, grads, {&momentum_buffers, &updates}), params,
                   dispatch::muon_momentum, args, clock);
  for (Tensor& update : updates)
    if (update.numel() > 0) update = orthogonalized(update, iteration);
  StepList list("muon_step", params, updates, {});
  for (int i = 0; i < list.size(); ++i) {
    const double rows = double(params[size_t(i)].size(0)), columns = double(params[size_t(i)].size(1));
    list[i].rate = rate == MuonRate::original ? std::sqrt(std::max(1.0, rows / columns))
                                              : 0.2 * std::sqrt(std::max(rows, columns));
  }
  take_step<false>("muon_step", std::move(list), params, dispatch::sgd, SgdArgs{}, clock);
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

void clip_tensors(const Tensors& tensors, double max_norm, const Tensor& total) {
  // Every tensor stands for its own gradient; one that isn't plain memory is multiplied by itself.
  const auto scaled = [](const Tensors& some, const ScaleGradientsArgs& args, auto&& scale) {
    Tensors plain;
    for (const Tensor& t : some) {
      if (t.is_contiguous() && is_floating(t.dtype()))
        plain.push_back(t);
      else
        mul_(t, to_dtype(scale(), t.dtype()));
    }
    StepList("clip_tensors", plain, plain, {}).run(plain, dispatch::scale_gradients, args);
  };
  if (total.device().type == DeviceType::cpu) {
    const double scale = max_norm / (item(total).as_double() + 1e-6);
    if (!(scale >= 1)) scaled(tensors, {{}, scale}, [&] { return scalar_tensor(scale, DType::f64); });
    return;
  }
  for (size_t first = 0; first < tensors.size();) {
    const Device device = tensors[first].device();
    size_t last = first + 1;
    while (last < tensors.size() && tensors[last].device() == device) ++last;
    const Tensors some(tensors.begin() + long(first), tensors.begin() + long(last));
    const Tensor own = to_dtype(to_device(total, device), DType::f64);
    if (device.type == DeviceType::cpu)
      clip_tensors(some, max_norm, own);
    else
      scaled(some, {{}, 0, own.data<double>(), max_norm}, [&] {
        return clamp_between(div(number(max_norm), own + 1e-6), Tensor(), scalar_tensor(1.0, DType::f64));
      });
    first = last;
  }
}

}  // namespace hotloop::ops
