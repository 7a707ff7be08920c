#include "ops/call.h"

#include <cstring>

#include "core/capture.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "core/inline_vector.h"
#include "ops/overlap.h"

namespace hotloop {

Listener listeners[kListeners];

namespace {

// Numbers that lie on the CPU beside a GPU's tensors, for a kernel that reads its inputs there: it is given copies.
void launch_with_moved_numbers(Call& call, void (*kernel)(Call&)) {
  InlineVector<Tensor, 6> moved;
  for (int i = 0; i < call.n_inputs; ++i) {
    const Tensor& t = call.inputs[i];
    if (!t.defined() || t.device() == call.device) {
      moved.emplace(t);
      continue;
    }
    moved.emplace(empty(t.sizes(), t.dtype(), call.device));
    gpu::copy_constant(moved[i].data(), t.data(), itemsize(t.dtype()), call.device.index);
  }
  const Tensor* given = call.inputs;
  call.inputs = &moved[0];
  kernel(call);
  call.inputs = given;
}

void launch_on_gpu(Call& call, void (*kernel)(Call&)) {
  const gpu::DeviceGuard guard(call.device.index);
  bool numbers = false;
  if (!call.op.takes_host_numbers)
    for (int i = 0; i < call.n_inputs; ++i)
      numbers |= call.inputs[i].defined() && call.inputs[i].device().type == DeviceType::cpu;
  if (numbers) return launch_with_moved_numbers(call, kernel);
  kernel(call);
}

// The device of the first tensor that isn't a lone number: a 0-d tensor may stand on the CPU beside
// tensors of any device.
void settle_device(Call& call) {
  const Tensor* first = call.in_place ? &call.outputs[0] : nullptr;
  bool firm = call.in_place;
  for (int i = 0; i < call.n_inputs; ++i) {
    const Tensor& t = call.inputs[i];
    if (!t.defined()) continue;
    const bool lone = t.ndim() == 0 && t.device().type == DeviceType::cpu;
    if (!first || (!firm && !lone)) {
      first = &t;
      firm = !lone;
    } else if (!lone && !(t.device() == first->device())) {
      fail<RuntimeError>("%s: all tensors must be on one device, got %s and %s (argument %d)", call.op.name,
                         to_string(first->device()).c_str(), to_string(t.device()).c_str(), i);
    }
  }
  if (first) call.device = first->device();
}

}  // namespace

void Call::output(int i, const Dims& sizes, DType dtype) {
  if (i >= n_outputs) n_outputs = i + 1;
  if (i == 0 && in_place) {
    const Tensor& out = outputs[0];
    if (!(out.sizes() == sizes))
      fail<RuntimeError>("%s: output with shape %s doesn't match the broadcast shape %s", op.name,
                         to_string(out.sizes()).c_str(), to_string(sizes).c_str());
    if (out.dtype() != dtype)
      fail<RuntimeError>("%s: result type %s can't be cast to the desired output type %s", op.name,
                         hotloop::name(dtype), hotloop::name(out.dtype()));
    return;
  }
  Destination* destination = i == 0 ? thread_state.destination : nullptr;
  if (!destination || !destination->take(*this, sizes, dtype, false)) outputs[i] = empty(sizes, dtype, device);
}

bool Destination::take(Call& call, const Dims& sizes, DType dtype, bool elementwise) {
  if (taken || !(out.sizes() == sizes) || out.dtype() != dtype || !(out.device() == call.device)) return false;
  if (shared) {
    if (!elementwise || std::strcmp(call.op.name, function) != 0) return false;
    for (int i = 0; i < call.n_inputs; ++i) {
      const Tensor& t = call.inputs[i];
      if (t.defined() && t->storage == out->storage &&
          !(t->data == out->data && t.sizes() == sizes && t.strides() == out.strides()))
        return false;
    }
  }
  call.outputs[0] = make_view(out, sizes, out.strides());
  return taken = true;
}

void check_writable(const char* op, const Tensor& out) {
  if (out->storage->read_only())
    fail<ValueError>("%s: the tensor's memory is read-only (it came from a read-only array); clone() it first", op);
  ops::check_own_elements(op, out);
}

void run(Call& call) {
  const OpRecord& op = call.op;
  settle_device(call);
  if (call.in_place) check_writable(op.name, call.outputs[0]);
  op.shape(call);
  const uint32_t active = thread_state.active_listeners;
  if (active)
    for (int i = 0; i < kListeners; ++i)
      if ((active >> i & 1) && listeners[i].before) listeners[i].before(call);
  if (op.is_view) {
    // With the tape off, such views are known by their base so that a later write to either can tell.
    const Tensor& shown = call.inputs[0];
    if (!(active & kTape) && (shown->requires_grad || shown->no_grad_view)) {
      call.outputs[0]->base = shown->base ? shown->base : Ref<TensorImpl>(shown.impl());
      call.outputs[0]->no_grad_view = true;
    }
  } else {
    const auto kernel = op.kernel[int(call.device.type)];
    if (!kernel) fail<RuntimeError>("%s: no kernel for device %s", op.name, to_string(call.device).c_str());
    if (call.device.type != DeviceType::cpu) [[unlikely]] {
      launch_on_gpu(call, kernel);
    } else if (host_lock_held) {
      const Cost cost = cost_of(call);
      ReleaseHostLock unlock(int64_t(cost.flops + cost.bytes / 4));
      kernel(call);
    } else {
      kernel(call);
    }
    if (call.in_place && !call.outputs[0]->untracked) call.outputs[0]->storage->bump_version();
  }
  if (active)
    for (int i = kListeners - 1; i >= 0; --i)
      if ((active >> i & 1) && listeners[i].after) listeners[i].after(call);
  if (thread_state.inference_mode && !call.in_place)
    for (int i = 0; i < call.n_outputs; ++i) call.outputs[i]->inference = !op.is_view || call.inputs[0]->inference;
}

Cost cost_of(const Call& call) {
  if (call.op.cost) return call.op.cost(call);
  const auto bytes = [](const Tensor& t) {
    return t.defined() ? double(t.numel()) * double(itemsize(t.dtype())) : 0.0;
  };
  Cost cost;
  for (int i = 0; i < call.n_inputs; ++i) cost.bytes += bytes(call.inputs[i]);
  for (int i = 0; i < call.n_outputs; ++i) cost.bytes += bytes(call.outputs[i]);
  cost.flops = double(call.outputs[0].numel());
  return cost;
}

}  // namespace hotloop
