// Bags of embeddings (kernels/args/embedding_bag.h). With g the gradient of the result, W the table and s the factors of
// positions, the sum of g[bag] s W[index] over positions is linear in each of the three, and its derivatives in them are
// the three ops: embedding_bag (in g), embedding_bag_backward (in W) and embedding_bag_factors_backward (in s). So each
// one's gradients are the other two.
#include "dispatch/embedding_bag.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

struct Bags {
  BagMode mode;
  int64_t rows, bags, padding;
  bool by_frequency;
};

EmbeddingBagArgs arguments(const Call& c, DType dtype, int64_t width, const Tensor& index, const Tensor& offsets,
                           const Tensor& factors) {
  const Bags& b = c.attrs<Bags>();
  EmbeddingBagArgs args{};
  args.dtype = dtype;
  args.mode = b.mode;
  args.rows = b.rows;
  args.width = width;
  args.n = index.numel();
  args.bags = b.bags;
  args.index = index.data<int64_t>();
  args.offsets = offsets.defined() ? offsets.data<int64_t>() : nullptr;
  args.padding = b.padding;
  args.factors = factors.defined() ? factors.data() : nullptr;
  args.by_frequency = b.by_frequency;
  args.gpu_fault = fault_slot(c.device);
  return args;
}

Cost bag_cost(const Tensor& index, const Tensor& rows) {
  const double elements = double(index.numel()) * double(rows.size(1));
  return {2 * elements, elements * double(itemsize(rows.dtype()))};
}

extern const OpRecord embedding_bag_op, embedding_bag_backward_op;

// Inputs: g (bags, width), W (rows, width), index, offsets. Output: (n).
const OpRecord embedding_bag_factors_backward_op{
    .name = "embedding_bag_factors_backward",
    .shape = [](Call& c) { c.output(0, {c.in(2).numel()}, c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      if (c.outputs[0].numel() == 0) return;
      EmbeddingBagArgs args = arguments(c, c.in(0).dtype(), c.in(1).size(1), c.in(2), c.in(3), Tensor());
      args.grad_out = c.in(0).data();
      args.weight = c.in(1).data();
      args.grad_factors = c.outputs[0].data();
      dispatch::embedding_bag_factors_backward(c.device, args);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Tensor index = g.in(2), offsets = g.has(3) ? g.in(3) : Tensor(), s = contiguous(g.grad(0));
          if (g.needs(0)) g.set(0, call(embedding_bag_op, {g.in(1), index, offsets, s}, g.attrs<Bags>()));
          if (g.needs(1))
            g.set(1, call(embedding_bag_backward_op, {g.in(0), index, offsets, s, Tensor()}, g.attrs<Bags>()));
        },
    .saves = Saves::of(0b1111),
    .cost = [](const Call& c) { return bag_cost(c.in(2), c.in(1)); },
    .attributes_bytes = sizeof(Bags)};

// Inputs: g (bags, width), index, offsets, s, and of the maximum the rows it is of. Output: (rows, width).
const OpRecord embedding_bag_backward_op{
    .name = "embedding_bag_backward",
    .shape = [](Call& c) { c.output(0, {c.attrs<Bags>().rows, c.in(0).size(1)}, c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      if (c.outputs[0].numel() == 0) return;
      EmbeddingBagArgs args = arguments(c, c.in(0).dtype(), c.in(0).size(1), c.in(1), c.in(2), c.in(3));
      args.grad_out = c.in(0).data();
      args.largest = c.has(4) ? c.in(4).data<int64_t>() : nullptr;
      args.grad_weight = c.outputs[0].data();
      dispatch::embedding_bag_backward(c.device, args);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Bags& b = g.attrs<Bags>();
          if (b.by_frequency)
            fail<RuntimeError>(
                "embedding_bag: with scale_grad_by_freq, the derivative of its gradient is not implemented");
          const Tensor rows = contiguous(g.grad(0));
          if (b.mode == BagMode::max) {
            const Tensor largest = g.in(4), none = lt(largest, 0.0);
            return g.set(0, where(none, 0.0, gather(rows, 0, where(none, number(int64_t(0)), largest))));
          }
          const Tensor index = g.in(1), offsets = g.has(2) ? g.in(2) : Tensor(), s = g.has(3) ? g.in(3) : Tensor();
          if (g.needs(0)) g.set(0, call(embedding_bag_op, {rows, index, offsets, s}, b));
          if (g.has(3) && g.needs(3))
            g.set(3, call(embedding_bag_factors_backward_op, {g.in(0), rows, index, offsets}, b));
        },
    .saves = Saves::of(0b11111),
    .cost = [](const Call& c) { return bag_cost(c.in(1), c.in(0)); },
    .attributes_bytes = sizeof(Bags)};

// Inputs: W (rows, width), index, offsets, s. Outputs: (bags, width), and of the maximum the rows it is of.
const OpRecord embedding_bag_op{
    .name = "embedding_bag",
    .shape =
        [](Call& c) {
          const Bags& b = c.attrs<Bags>();
          c.output(0, {b.bags, c.in(0).size(1)}, c.in(0).dtype());
          if (b.mode == BagMode::max) c.output(1, {b.bags, c.in(0).size(1)}, DType::i64);
        },
    .kernel = every_device([](Call& c) {
      const Tensor& weight = c.in(0);
      EmbeddingBagArgs args = arguments(c, weight.dtype(), weight.size(1), c.in(1), c.in(2), c.in(3));
      int64_t bad_position = -1;
      args.weight = weight.data();
      args.out = c.outputs[0].data();
      args.largest = args.mode == BagMode::max ? c.outputs[1].data<int64_t>() : nullptr;
      args.bad_position = &bad_position;
      dispatch::embedding_bag(c.device, args);
      if (bad_position >= 0)
        fail<OutOfRangeError>("embedding_bag: index %lld is out of bounds for dimension 0 with size %lld",
                              ll(args.index[bad_position]), ll(args.rows));
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Bags& b = g.attrs<Bags>();
          const Tensor grad = contiguous(g.grad(0)), index = g.in(1), offsets = g.has(2) ? g.in(2) : Tensor();
          if (g.needs(0)) {
            const Tensor s = g.has(3) ? g.in(3) : Tensor(), largest = b.mode == BagMode::max ? g.out(1) : Tensor();
            g.set(0, call(embedding_bag_backward_op, {grad, index, offsets, s, largest}, b));
          }
          if (g.has(3) && g.needs(3))
            g.set(3, call(embedding_bag_factors_backward_op, {grad, g.in(0), index, offsets}, b));
        },
    .saves = {{0b1110, 0, 0, 0b0111}, {0b10, 0, 0, 0}},
    .cost = [](const Call& c) { return bag_cost(c.in(1), c.in(0)); },
    .attributes_bytes = sizeof(Bags)};

Tensor as_positions(const char* argument, const Tensor& t) {
  if (t.dtype() != DType::i64 && t.dtype() != DType::i32 && t.numel() > 0)
    fail<RuntimeError>("embedding_bag: expected %s of dtype int64 or int32, got %s", argument, name(t.dtype()));
  return contiguous(t.dtype() == DType::i64 ? t : to_dtype(t, DType::i64));
}

// The bags of a 1-d input. A GPU's offsets are not asked: its kernel reports those out of range.
Tensor checked_offsets(const Tensor& given, int64_t n, bool include_last_offset) {
  if (!given.defined()) fail<ValueError>("offsets has to be a 1D Tensor but got None");
  if (given.ndim() != 1)
    fail<ValueError>("offsets has to be a 1D Tensor, got shape %s", to_string(given.sizes()).c_str());
  if (include_last_offset && given.numel() == 0)
    fail<RuntimeError>("include_last_offset: number of offsets should be at least 1");
  const Tensor offsets = as_positions("offsets", given);
  if (offsets.device().type == DeviceType::cpu) {
    const int64_t* at = offsets.data<int64_t>();
    for (int64_t i = 0; i < offsets.numel(); ++i) {
      if (i == 0 && at[0] != 0)
        fail<RuntimeError>("offsets[0] has to be 0, i.e., the first sequence has to start from 0. Got %lld", ll(at[0]));
      if (at[i] > n || (i > 0 && at[i] < at[i - 1]))
        fail<RuntimeError>("embedding_bag: offsets must rise to at most the length %lld of input, got %lld at %lld",
                           ll(n), ll(at[i]), ll(i));
    }
  }
  return include_last_offset ? narrow(offsets, 0, 0, offsets.numel() - 1) : offsets;
}

}  // namespace

Tensor embedding_bag(const Tensor& weight, const Tensor& index, const Tensor& offsets, const std::string& mode,
                     const Tensor& factors, bool include_last_offset, std::optional<int64_t> padding_idx,
                     bool by_frequency) {
  if (factors.defined() && !(factors.sizes() == index.sizes()))
    fail<ValueError>(
        "embedding_bag: If per_sample_weights (%s) is not None, then it must have the same shape as the input (%s)",
        to_string(factors.sizes()).c_str(), to_string(index.sizes()).c_str());
  if (weight.ndim() != 2)
    fail<ValueError>("weight has to be a 2D Tensor, but got Tensor of dimension %d", weight.ndim());
  if (!is_floating(weight.dtype()))
    fail<DTypeError>("embedding_bag: expected a floating point weight, got %s", name(weight.dtype()));
  if (mode != "sum" && mode != "mean" && mode != "max")
    fail<ValueError>("embedding_bag: mode has to be one of sum, mean or max, got %s", mode.c_str());
  if (mode == "max" && by_frequency)
    fail<ValueError>("embedding_bag: max mode does not support scaling the gradient by the frequency");
  if (factors.defined() && mode != "sum")
    fail<DTypeError>(
        "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
        "mode='%s').",
        mode.c_str());
  if (index.ndim() != 1 && index.ndim() != 2)
    fail<ValueError>("input has to be 1D or 2D Tensor, but got Tensor of dimension %d", index.ndim());
  if (index.ndim() == 2 && offsets.defined())
    fail<ValueError>(
        "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. "
        "However, found offsets of shape %s",
        to_string(offsets.sizes()).c_str());
  const int64_t rows = weight.size(0), padding = padding_idx.value_or(-1);
  if (padding_idx && (padding < -rows || padding >= rows))
    fail<ValueError>("embedding_bag: padding_idx must lie within the %lld rows of weight, got %lld", ll(rows),
                     ll(padding));
  const Tensor starts = index.ndim() == 1 ? checked_offsets(offsets, index.numel(), include_last_offset) : Tensor();
  const Bags bags{mode == "sum"    ? BagMode::sum
                  : mode == "mean" ? BagMode::mean
                                   : BagMode::max,
                  rows, starts.defined() ? starts.numel() : index.size(0),
                  padding_idx && padding < 0 ? padding + rows : padding, by_frequency};
  const Tensor s = factors.defined() ? contiguous(reshape(to_dtype(factors, weight.dtype()), {-1})) : factors;
  return call(embedding_bag_op, {contiguous(weight), reshape(as_positions("input", index), {-1}), starts, s}, bags);
}

Records embedding_bag_records() {
  return {&embedding_bag_factors_backward_op, &embedding_bag_backward_op, &embedding_bag_op};
}

}  // namespace hotloop::ops
