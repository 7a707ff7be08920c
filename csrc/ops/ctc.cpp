// The CTC loss (kernels/args/ctc.h). The gradient reads the saved alpha; it has no derivative of its own, as in PyTorch.
#include "dispatch/ctc.h"
#include "core/capture.h"
#include "core/error.h"
#include "ops/call.h"
#include "ops/loss.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

struct Ctc {
  int64_t blank;
  int64_t labels;  // the most that a sample has
  bool zero_infinity;
};

// Inputs, for both directions: log_probs (T, N, C), targets (all labels in a row), spans (N, 3: CtcSpan).
CtcArgs arguments(const Call& c, const Tensor& log_probs, const Tensor& targets, const Tensor& spans,
                  const Tensor& alpha) {
  const Ctc& ctc = c.attrs<Ctc>();
  CtcArgs args{};
  args.dtype = log_probs.dtype();
  args.steps = log_probs.size(0);
  args.batch = log_probs.size(1);
  args.classes = log_probs.size(2);
  args.states = 2 * ctc.labels + 1;
  args.blank = ctc.blank;
  args.log_probs = log_probs.data();
  args.targets = targets.data<int64_t>();
  args.spans = spans.data<CtcSpan>();
  args.alpha = alpha.data<double>();
  args.zero_infinity = ctc.zero_infinity;
  args.gpu_fault = fault_slot(c.device);
  return args;
}

Cost ctc_cost(const Tensor& log_probs, int64_t labels) {
  const double states = double(log_probs.size(0) * log_probs.size(1) * (2 * labels + 1));
  return {80 * states, 8 * states + double(log_probs.numel()) * double(itemsize(log_probs.dtype()))};
}

// Inputs: grad_loss (N), log_probs, targets, spans, alpha.
const OpRecord ctc_loss_backward_op{
    .name = "ctc_loss_backward",
    .shape = [](Call& c) { c.output(0, c.in(1).sizes(), c.in(1).dtype()); },
    .kernel = every_device([](Call& c) {
      dispatch::ctc_loss_backward(
          c.device, {arguments(c, c.in(1), c.in(2), c.in(3), c.in(4)), c.in(0).data(), c.outputs[0].data()});
    }),
    .gradient = [](Gradient&) { fail<RuntimeError>("ctc_loss: the derivative of its gradient is not implemented"); },
    .cost = [](const Call& c) { return ctc_cost(c.in(1), c.attrs<Ctc>().labels); },
    .attributes_bytes = sizeof(Ctc)};

// Outputs: the loss (N), alpha.
const OpRecord ctc_loss_op{
    .name = "ctc_loss",
    .shape =
        [](Call& c) {
          const Tensor& x = c.in(0);
          c.output(0, {x.size(1)}, x.dtype());
          c.output(1, {x.size(1), x.size(0), 2 * c.attrs<Ctc>().labels + 1}, DType::f64);
        },
    .kernel = every_device([](Call& c) {
      CtcArgs args = arguments(c, c.in(0), c.in(1), c.in(2), c.outputs[1]);
      args.loss = c.outputs[0].data();
      dispatch::ctc_loss(c.device, args);
    }),
    .gradient =
        [](Gradient& g) {
          if (g.grad(0).defined())
            g.set(0, call(ctc_loss_backward_op, {contiguous(g.grad(0)), g.in(0), g.in(1), g.in(2), g.out(1)},
                          g.attrs<Ctc>()));
        },
    .saves = Saves::of(0b111, 0b10),
    .cost = [](const Call& c) { return ctc_cost(c.in(0), c.attrs<Ctc>().labels); },
    .attributes_bytes = sizeof(Ctc)};

void check_lengths(const char* which, const std::vector<int64_t>& lengths, int64_t batch, int64_t most) {
  if (int64_t(lengths.size()) != batch)
    fail<RuntimeError>("ctc_loss: %s must be of size batch_size %lld, got %zu", which, ll(batch), lengths.size());
  for (const int64_t length : lengths)
    if (length < 0 || length > most)
      fail<RuntimeError>("ctc_loss: Expected %s to have value at least 0 and at most %lld, but got value %lld", which,
                         ll(most), ll(length));
}

// What the host knows of the samples, where the kernels read it; a captured graph keeps it.
Tensor moved(const Tensor& numbers, Device device) {
  if (device == numbers.device()) return numbers;
  Tensor there = empty(numbers.sizes(), numbers.dtype(), device);
  gpu::copy_constant(there.data(), numbers.data(), size_t(numbers.numel()) * itemsize(numbers.dtype()), device.index);
  return there;
}

}  // namespace

// On a GPU, targets may lie there, and are then not looked at by the host, or on the CPU.
Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const std::vector<int64_t>& input_lengths,
                const std::vector<int64_t>& target_lengths, int64_t blank, LossReduction reduction,
                bool zero_infinity) {
  if (log_probs.ndim() != 2 && log_probs.ndim() != 3)
    fail<RuntimeError>("ctc_loss: expected log_probs of shape (T, N, C) or (T, C), got %s",
                       to_string(log_probs.sizes()).c_str());
  if (log_probs.dtype() != DType::f32 && log_probs.dtype() != DType::f64)
    fail<DTypeError>("ctc_loss: not implemented for dtype %s", name(log_probs.dtype()));
  const Device device = log_probs.device();
  if (targets.device().type != DeviceType::cpu && !(targets.device() == device))
    fail<RuntimeError>("ctc_loss: expected targets on %s, where log_probs are, got %s", to_string(device).c_str(),
                       to_string(targets.device()).c_str());
  const bool batched = log_probs.ndim() == 3;
  const Tensor x = contiguous(batched ? log_probs : unsqueeze(log_probs, 1));
  const int64_t batch = x.size(1), classes = x.size(2);
  if (blank < 0 || blank >= classes)
    fail<RuntimeError>("ctc_loss: blank must be in label range 0 to %lld, got %lld", ll(classes - 1), ll(blank));
  if (x.numel() == 0)
    fail<RuntimeError>("ctc_loss: log_probs tensor must not be empty, got shape %s",
                       to_string(log_probs.sizes()).c_str());

  // One row of labels a sample, padded, or those of all samples one behind the other.
  const bool padded = targets.ndim() == 2;
  if (targets.ndim() != 1 && !(padded && targets.size(0) == batch))
    fail<RuntimeError>("ctc_loss: expected targets of shape (%lld, S) or (sum of target_lengths), got %s", ll(batch),
                       to_string(targets.sizes()).c_str());
  const Tensor labels = contiguous(to_dtype(targets, DType::i64));
  const bool seen = labels.device().type == DeviceType::cpu;
  check_lengths("input_lengths", input_lengths, batch, x.size(0));
  check_lengths("target_lengths", target_lengths, batch, padded ? targets.size(1) : targets.numel());
  const Tensor spans = empty({batch, 3}, DType::i64);
  Tensor lengths = empty({batch}, x.dtype());
  int64_t start = 0, most = 0;
  for (int64_t n = 0; n < batch; ++n) {
    const int64_t length = target_lengths[size_t(n)];
    spans.data<CtcSpan>()[n] = {input_lengths[size_t(n)], length, padded ? n * targets.size(1) : start};
    start += length;
    if (length > most) most = length;
    for (int64_t i = spans.data<CtcSpan>()[n].start, left = length; seen && left > 0 && i < labels.numel(); ++i, --left)
      if (const int64_t label = labels.data<int64_t>()[i]; label < 0 || label >= classes)
        fail<OutOfRangeError>("ctc_loss: targets must be classes 0 to %lld, got %lld", ll(classes - 1), ll(label));
    const double divisor = length > 0 ? double(length) : 1;
    x.dtype() == DType::f64 ? lengths.data<double>()[n] = divisor : lengths.data<float>()[n] = float(divisor);
  }
  if (!padded && start != targets.numel())
    fail<RuntimeError>("ctc_loss: Expected targets to have size %lld, the sum of target_lengths, but got size %lld",
                       ll(start), ll(targets.numel()));

  const Tensor loss =
      call(ctc_loss_op, {x, to_device(labels, device), moved(spans, device)}, Ctc{blank, most, zero_infinity});
  if (reduction == LossReduction::none) return batched ? loss : squeeze(loss, {0});
  return reduced(reduction == LossReduction::mean ? loss / moved(lengths, device) : loss, reduction);
}

Records ctc_records() { return {&ctc_loss_op, &ctc_loss_backward_op}; }

}  // namespace hotloop::ops
