// Copies: clone, conversion, writing over, joining. One kernel family moves and converts strided elements.
#include "dispatch/copy.h"
#include "core/capture.h"
#include "core/error.h"
#include "core/gpu.h"
#include "core/pinned.h"
#include "dispatch/pointwise.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/overlap.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

// `in` broadcast to the shape of `out`, converted on the way.
void copy_elements(const Tensor& out, const Tensor& in) {
  if (out.numel() == 0) return;
  CopyArgs args;
  args.to = out.dtype();
  args.from = in.dtype();
  PointwiseArgs& p = args.operands;
  p.out = out.data();
  p.in[0] = in.data();
  p.host_inputs = in.device() != out.device();  // a number (fill_)
  p.dense = out->contiguous && in->contiguous && in.numel() == out.numel();
  if (p.dense) {
    p.ndim = 1;
    p.sizes[0] = out.numel();
    p.out_strides[0] = p.in_strides[0][0] = 1;
  } else {
    p.ndim = out.ndim();
    for (int d = 0; d < out.ndim(); ++d) {
      const int own = d - (out.ndim() - in.ndim());
      p.sizes[d] = out.size(d);
      p.out_strides[d] = out.stride(d);
      p.in_strides[0][d] = own < 0 || in.size(own) == 1 ? 0 : in.stride(own);
    }
    dispatch::coalesce(p, 1);
  }
  dispatch::copy(out.device(), args);
}

void identity_gradient(Gradient& g) { g.set(0, g.grad(0)); }

const OpRecord clone_op{.name = "clone",
                        .shape = [](Call& c) { pointwise_output(c, c.in(0).sizes(), c.in(0).dtype()); },
                        .kernel = every_device([](Call& c) { copy_elements(c.outputs[0], c.in(0)); }),
                        .gradient = identity_gradient};

// Row-major whatever the input's layout.
const OpRecord contiguous_op{.name = "contiguous",
                             .shape = [](Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); },
                             .kernel = every_device([](Call& c) { copy_elements(c.outputs[0], c.in(0)); }),
                             .gradient = identity_gradient};

const OpRecord to_op{.name = "to",
                     .shape = [](Call& c) { pointwise_output(c, c.in(0).sizes(), c.attrs<DType>()); },
                     .kernel = every_device([](Call& c) { copy_elements(c.outputs[0], c.in(0)); }),
                     .gradient = identity_gradient,
                     .attributes_bytes = sizeof(DType)};

// Written over whole, so nothing flows back to what was there.
const OpRecord copy_op{.name = "copy_",
                       .shape =
                           [](Call& c) {
                             const Tensor& out = c.outputs[0];
                             if (!(broadcast_shape("copy_", c.in(0).sizes(), out.sizes()) == out.sizes()))
                               fail<RuntimeError>(
                                   "copy_: source of shape %s can't be broadcast to the destination's %s",
                                   to_string(c.in(0).sizes()).c_str(), to_string(out.sizes()).c_str());
                           },
                       .kernel = every_device([](Call& c) { copy_elements(c.outputs[0], c.in(0)); }),
                       .gradient = identity_gradient};

struct Transfer {
  Device from, to;
  bool waits;  // where it might do without
};

// x, contiguous, in the memory of another device.
const OpRecord transfer_op{.name = "to",
                           .shape =
                               [](Call& c) {
                                 c.device = c.attrs<Transfer>().to;
                                 c.output(0, c.in(0).sizes(), c.in(0).dtype());
                               },
                           .kernel = every_device([](Call& c) {
                             const auto [from, to, waits] = c.attrs<Transfer>();
                             const Tensor &x = c.in(0), &out = c.outputs[0];
                             const size_t bytes = size_t(x.numel()) * itemsize(x.dtype());
                             if (to.type == DeviceType::cpu)
                               gpu::copy_to_host(out.data(), x.data(), bytes, from.index);
                             else if (from.type == DeviceType::cpu && !waits && gpu::is_pinned(x.data()))
                               gpu::copy_from_pinned(out.data(), x.data(), bytes, to.index);
                             else if (from.type == DeviceType::cpu && x.ndim() == 0)  // a captured graph keeps a number
                               gpu::copy_constant(out.data(), x.data(), bytes, to.index);
                             else if (from.type == DeviceType::cpu)
                               gpu::copy_from_host(out.data(), x.data(), bytes, to.index);
                             else
                               gpu::copy_between(out.data(), to.index, x.data(), from.index, bytes);
                           }),
                           .gradient =
                               [](Gradient& g) {
                                 if (g.grad(0).defined()) g.set(0, to_device(g.grad(0), g.attrs<Transfer>().from));
                               },
                           .attributes_bytes = sizeof(Transfer),
                           .takes_host_numbers = true};

const OpRecord fill_op{.name = "fill_",
                       .shape =
                           [](Call& c) {
                             const DType dtype = c.outputs[0].dtype();
                             if (!fits(c.attrs<Scalar>(), dtype))
                               fail<RuntimeError>("fill_: value %g cannot be converted to type %s without overflow",
                                                  c.attrs<Scalar>().as_double(), name(dtype));
                           },
                       .kernel = every_device([](Call& c) {
                         const Tensor& out = c.outputs[0];
                         copy_elements(out, scalar_tensor(c.attrs<Scalar>(), out.dtype()));
                       }),
                       .gradient = [](Gradient&) {},
                       .attributes_bytes = sizeof(Scalar)};

const OpRecord cat_op{.name = "cat",
                      .shape =
                          [](Call& c) {
                            const int dim = c.attrs<int>();
                            Dims sizes = c.in(0).sizes();
                            sizes[dim] = 0;
                            for (int i = 0; i < c.n_inputs; ++i) {
                              for (int d = 0; d < sizes.n; ++d)
                                if (d != dim && c.in(i).size(d) != c.in(0).size(d))
                                  fail<RuntimeError>(
                                      "cat: Sizes of tensors must match except in dimension %d. Expected size "
                                      "%lld but got size %lld for tensor number %d in the list.",
                                      dim, static_cast<long long>(c.in(0).size(d)),
                                      static_cast<long long>(c.in(i).size(d)), i);
                              if (__builtin_add_overflow(sizes[dim], c.in(i).size(dim), &sizes[dim]))
                                fail<ValueError>("cat: dimension %d has more elements than 63 bits can count", dim);
                            }
                            c.output(0, sizes, c.in(0).dtype());
                          },
                      .kernel = every_device([](Call& c) {
                        const int dim = c.attrs<int>();
                        const Tensor& out = c.outputs[0];
                        int64_t at = 0;
                        for (int i = 0; i < c.n_inputs; ++i) {
                          copy_elements(make_view(out, c.in(i).sizes(), out.strides(), at * out.stride(dim)), c.in(i));
                          at += c.in(i).size(dim);
                        }
                      }),
                      .gradient =
                          [](Gradient& g) {
                            if (!g.grad(0).defined()) return;
                            const int dim = g.attrs<int>();
                            int64_t at = 0;
                            for (int i = 0; i < g.n_inputs(); ++i) {
                              const int64_t n = g.in_sizes(i)[dim];
                              if (g.needs(i)) g.set(i, slice(g.grad(0), dim, at, at + n, 1));
                              at += n;
                            }
                          },
                      .attributes_bytes = sizeof(int)};

}  // namespace

Tensor clone(const Tensor& x) { return call(clone_op, {x}); }

Tensor contiguous(const Tensor& x) { return x.is_contiguous() ? x : call(contiguous_op, {x}); }

Tensor to_dtype(const Tensor& x, DType dtype) {
  // A number becomes a tensor like others, whatever its dtype.
  return x.dtype() == dtype && !x->wrapped_number ? x : call(to_op, {x}, dtype);
}

Tensor to_device(const Tensor& x, Device device, bool waits) {
  if (x.device() == device) return x;
  require_device(device);
  return call(transfer_op, {contiguous(x)}, Transfer{x.device(), device, waits});
}

Tensor pin_memory(const Tensor& x) {
  if (x.device().type != DeviceType::cpu)
    fail<RuntimeError>("pin_memory: only tensors of the CPU can be pinned, got one on %s",
                       to_string(x.device()).c_str());
  if (gpu::is_pinned(x.data())) return x;
  if (!cuda_is_available()) fail<RuntimeError>("pin_memory: there is no GPU: %s", cuda_why_not());
  const size_t bytes = size_t(x.numel()) * itemsize(x.dtype());
  void* data = gpu::allocate_pinned(bytes);
  const Tensor pinned(make_ref<TensorImpl>(make_ref<Storage>(data, bytes, Device{}, false, data, gpu::release_pinned),
                                           static_cast<char*>(data), x.dtype(), x.sizes(),
                                           contiguous_strides(x.sizes())));
  copy_(pinned, x);
  return pinned;
}

void copy_(const Tensor& out, const Tensor& x) {
  if (!(x.device() == out.device())) return copy_(out, to_device(x, out.device()));
  call_into(out, copy_op, {overlaps(out, x) ? clone(x) : x});
}

namespace {

// Elements that share memory are all given the one value: one of them is written.
Tensor one_of_shared(Tensor out) {
  for (int d = 0; d < out.ndim(); ++d)
    if (out.stride(d) == 0 && out.size(d) > 1) out = narrow(out, d, 0, 1);
  return out;
}

}  // namespace

void fill_(const Tensor& out, double value) { call_into(one_of_shared(out), fill_op, {}, Scalar(value)); }
void fill_(const Tensor& out, int64_t value) { call_into(one_of_shared(out), fill_op, {}, Scalar(value)); }

Tensor cat(const std::vector<Tensor>& tensors, int64_t dim) {
  if (tensors.empty()) fail<ValueError>("cat: expected a non-empty list of Tensors");
  // PyTorch's old empties, of shape [0], join with anything.
  std::vector<Tensor> parts;
  DType dtype = tensors[0].dtype();
  for (const Tensor& t : tensors) {
    dtype = promote(dtype, t.dtype());
    if (t.ndim() == 0)
      fail<RuntimeError>("cat: zero-dimensional tensor (at position %zu) cannot be concatenated",
                         size_t(&t - tensors.data()));
    if (!(t.ndim() == 1 && t.size(0) == 0)) parts.push_back(t);
  }
  if (parts.empty()) parts.push_back(tensors[0]);
  const int d = wrap_dim("cat", dim, parts[0].ndim());
  for (Tensor& t : parts) {
    if (t.ndim() != parts[0].ndim())
      fail<RuntimeError>("cat: Tensors must have same number of dimensions: got %d and %d", parts[0].ndim(), t.ndim());
    if (t.dtype() != dtype) t = to_dtype(t, dtype);
  }
  Call c{cat_op, parts.data(), int(parts.size()), &d};
  run(c);
  return c.outputs[0];
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t dim) {
  if (tensors.empty()) fail<RuntimeError>("stack: expects a non-empty TensorList");
  const int d = wrap_dim("stack", dim, tensors[0].ndim() + 1);
  std::vector<Tensor> parts;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!(tensors[i].sizes() == tensors[0].sizes()))
      fail<RuntimeError>("stack: expects each tensor to be equal size, but got %s at entry 0 and %s at entry %zu",
                         to_string(tensors[0].sizes()).c_str(), to_string(tensors[i].sizes()).c_str(), i);
    parts.push_back(unsqueeze(tensors[i], d));
  }
  return cat(parts, d);
}

Tensor flip(const Tensor& x, const Dims& dims) {
  Dims starts = Dims::filled(x.ndim(), 0), steps = Dims::filled(x.ndim(), 1);
  for (int64_t dim : dims) {
    const int d = wrap_dim("flip", dim, x.ndim());
    if (x.ndim() == 0) break;
    if (steps[d] < 0) fail<RuntimeError>("flip: dim %d appears multiple times in the list of dims", d);
    starts[d] = x.size(d) - 1;
    steps[d] = -1;
  }
  return contiguous(slice_all(x, starts, x.sizes(), steps));
}

Tensor repeat(const Tensor& x, const Dims& repeats) {
  if (repeats.n < x.ndim())
    fail<RuntimeError>(
        "repeat: Number of dimensions of repeat dims can not be smaller than number of dimensions of "
        "tensor (%d and %d)",
        repeats.n, x.ndim());
  // Each dim as (repeats, size), the repeats expanded without memory, then joined by one copy.
  const int lead = repeats.n - x.ndim();
  Dims split, wide, joined;
  for (int i = 0; i < repeats.n; ++i) {
    if (repeats[i] < 0)
      fail<RuntimeError>("repeat: Trying to create tensor with negative dimension, repeats %s",
                         to_string(repeats).c_str());
    const int64_t n = i < lead ? 1 : x.size(i - lead);
    split.push(1);
    split.push(n);
    wide.push(repeats[i]);
    wide.push(n);
    joined.push(repeats[i] * n);
  }
  return reshape(clone(expand(reshape(x, split), wide)), joined);
}

namespace {

// Along each dim d, element i of out is element i - shifts[d] of x, round and round.
struct Roll {
  Dims shifts;  // of every dim, in [0, size)
};
Tensor rolled(const Tensor& x, const Roll& roll);

// Each dim is two stretches that move whole.
void roll_pieces(const Tensor& out, const Tensor& x, const Dims& shifts, int d) {
  if (d == x.ndim()) return copy_elements(out, x);
  const int64_t n = x.size(d), shift = shifts[d];
  const auto part = [d](const Tensor& t, int64_t from, int64_t count) {
    Dims sizes = t.sizes();
    sizes[d] = count;
    return make_view(t, sizes, t.strides(), from * t.stride(d));
  };
  if (shift == 0) return roll_pieces(out, x, shifts, d + 1);
  roll_pieces(part(out, 0, shift), part(x, n - shift, shift), shifts, d + 1);
  roll_pieces(part(out, shift, n - shift), part(x, 0, n - shift), shifts, d + 1);
}

const OpRecord roll_op{
    .name = "roll",
    .shape = [](Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); },
    .kernel = every_device([](Call& c) { roll_pieces(c.outputs[0], c.in(0), c.attrs<Roll>().shifts, 0); }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          Roll back = g.attrs<Roll>();
          const Dims sizes = g.in_sizes(0);
          for (int d = 0; d < sizes.n; ++d)
            if (back.shifts[d]) back.shifts[d] = sizes[d] - back.shifts[d];
          g.set(0, rolled(g.grad(0), back));
        },
    .attributes_bytes = sizeof(Roll)};

Tensor rolled(const Tensor& x, const Roll& roll) { return call(roll_op, {x}, roll); }

}  // namespace

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  if (dims.n == 0 && shifts.n == 1) return view(roll(flatten(x, 0, -1), shifts, {0}), x.sizes());
  if (shifts.n == 0) fail<RuntimeError>("roll: `shifts` required");
  if (shifts.n != dims.n)
    fail<RuntimeError>("roll: shifts and dimensions must align. shifts: %d, dims: %d", shifts.n, dims.n);
  Roll roll{Dims::filled(x.ndim(), 0)};
  for (int i = 0; i < dims.n; ++i) {
    if (x.ndim() == 0)
      fail<IndexError>("roll: dimension specified as %lld but tensor has no dimensions",
                       static_cast<long long>(dims[i]));
    const int dim = wrap_dim("roll", dims[i], x.ndim());
    const int64_t n = x.size(dim);
    if (n > 0) roll.shifts[dim] = ((roll.shifts[dim] + shifts[i] % n) % n + n) % n;
  }
  return rolled(x, roll);
}

Records copy_records() {
  return {&clone_op, &contiguous_op, &to_op, &transfer_op, &copy_op, &fill_op, &cat_op, &roll_op};
}

}  // namespace hotloop::ops
