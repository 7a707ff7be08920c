#include "ops/packed.h"

#include "core/error.h"
#include "ops/call.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

struct Packed {
  const PackedWeight* weight;  // outlives the call
  Activation activation;
};

void packed_shape(Call& c) {
  const PackedWeight& w = *c.attrs<Packed>().weight;
  const Tensor& x = c.in(0);
  if (x.dtype() != w.dtype())
    fail<RuntimeError>("%s: expected input of dtype %s like the weight, got %s", c.op.name, name(w.dtype()),
                       name(x.dtype()));
  if (!(x.device() == w.device()))
    fail<RuntimeError>("%s: expected input on %s like the weight, got %s", c.op.name, to_string(w.device()).c_str(),
                       to_string(x.device()).c_str());
  if (x.size(1) != w.in_features())
    fail<RuntimeError>("%s: mat1 and mat2 shapes cannot be multiplied (%lldx%lld and %lldx%lld)", c.op.name,
                       static_cast<long long>(x.size(0)), static_cast<long long>(x.size(1)),
                       static_cast<long long>(w.in_features()), static_cast<long long>(w.out_features()));
  if (c.has(1)) {
    const Tensor& bias = c.in(1);
    if (bias.ndim() != 1 || bias.size(0) != w.out_features() || bias.dtype() != x.dtype())
      fail<RuntimeError>("%s: expected bias of shape [%lld] and dtype %s, got %s %s", c.op.name,
                         static_cast<long long>(w.out_features()), name(x.dtype()), to_string(bias.sizes()).c_str(),
                         name(bias.dtype()));
  }
  for (int i = 0; i < c.n_inputs; ++i)
    if (c.has(i) && c.in(i)->requires_grad && (thread_state.active_listeners & kTape))
      fail<RuntimeError>(
          "%s: a packed weight is for inference and has no gradient, but argument %d requires grad; use "
          "linear(), or run under no_grad",
          c.op.name, i);
  c.output(0, {x.size(0), w.out_features()}, x.dtype());
}

void packed_matmul(Call& c) {
  const Packed& p = c.attrs<Packed>();
  const Tensor &x = c.in(0), &out = c.outputs[0];
  if (out.numel() == 0) return;
  MatmulArgs args;
  args.dtype = x.dtype();
  args.activation = p.activation;
  args.m = x.size(0);
  args.n = p.weight->out_features();
  args.k = p.weight->in_features();
  args.a = x.data();
  args.a_row_stride = x.stride(0);
  args.a_col_stride = x.stride(1);
  args.out = out.data();
  args.out_row_stride = args.n;
  if (c.has(1)) {
    args.bias = c.in(1).data();
    args.bias_col_stride = c.in(1).stride(0);
  }
  if (c.device.type == DeviceType::cpu) return p.weight->matrix().multiply(args);
  args.b = p.weight->copy().data();
  args.b_row_stride = 1;
  args.b_col_stride = args.k;
  dispatch::matmul(c.device, args);
}

const OpRecord linear_packed_op{.name = "linear_packed",
                                .shape = packed_shape,
                                .kernel = every_device(packed_matmul),
                                .cost =
                                    [](const Call& c) {
                                      const PackedWeight& w = *c.attrs<Packed>().weight;
                                      const double item = double(itemsize(w.dtype()));
                                      return Cost{
                                          2.0 * double(c.outputs[0].numel()) * double(w.in_features()),
                                          item * double(c.in(0).numel() + c.outputs[0].numel()) + double(w.bytes())};
                                    },
                                .attributes_bytes = sizeof(Packed)};

const Tensor& checked(const Tensor& weight) {
  if (weight.ndim() != 2 || !is_floating(weight.dtype()))
    fail<RuntimeError>("PackedWeight: weight must be a 2-D floating point tensor, got shape %s of %s",
                       to_string(weight.sizes()).c_str(), name(weight.dtype()));
  return weight;
}

}  // namespace

PackedWeight::PackedWeight(const Tensor& weight)
    : in_(checked(weight).size(1)), out_(weight.size(0)), dtype_(weight.dtype()) {
  if (weight.device().type == DeviceType::cpu)
    matrix_.emplace(dtype_, in_, out_, weight.data(), weight.stride(1), weight.stride(0));
  else
    copy_ = weight.is_contiguous() ? clone(weight) : contiguous(weight);
}

Tensor linear_packed(const Tensor& x, const PackedWeight& weight, const Tensor& bias, Activation activation) {
  if (x.ndim() == 0) fail<RuntimeError>("linear_packed: input must have at least 1 dim, got a 0-d tensor");
  if (x.ndim() != 2) {
    Dims sizes = x.sizes();
    sizes[sizes.n - 1] = weight.out_features();
    return reshape(linear_packed(reshape(x, {-1, x.size(x.ndim() - 1)}), weight, bias, activation), sizes);
  }
  return call(linear_packed_op, {x, bias}, Packed{&weight, activation});
}

Records packed_records() { return {&linear_packed_op}; }

}  // namespace hotloop::ops
