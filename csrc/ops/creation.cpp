// Tensors made from nothing: constants and sequences.
#include <cmath>

#include "core/error.h"
#include "dispatch/sequence.h"
#include "ops/call.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

const OpRecord sequence_op{.name = "arange",
                           .shape =
                               [](Call& c) {
                                 const SequenceArgs& s = c.attrs<SequenceArgs>();
                                 c.output(0, {s.n}, s.dtype);
                               },
                           .kernel = every_device([](Call& c) {
                             SequenceArgs args = c.attrs<SequenceArgs>();
                             args.out = c.outputs[0].data();
                             dispatch::sequence(c.device, args);
                           }),
                           .attributes_bytes = sizeof(SequenceArgs)};

// `args` without its out, which is made here.
Tensor sequence(const SequenceArgs& args, Device device) {
  Call c{sequence_op, nullptr, 0, &args};
  c.device = device;
  run(c);
  return c.outputs[0];
}

template <class T>
void check_step(T start, T end, T step) {
  if (step == 0) fail<RuntimeError>("arange: step must be nonzero");
  if ((step > 0 && end < start) || (step < 0 && end > start))
    fail<RuntimeError>("arange: upper bound and lower bound inconsistent with step sign (start %g, end %g, step %g)",
                       double(start), double(end), double(step));
}

}  // namespace

Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device) {
  int64_t span = 1;
  for (int i = 0; i < sizes.n; ++i) {
    if (strides[i] < 0) fail<RuntimeError>("empty_strided: negative stride in %s", to_string(strides).c_str());
    span += (sizes[i] - 1) * strides[i];
  }
  const Tensor memory = empty({numel_of(sizes) ? span : 0}, dtype, device);
  return make_view(memory, sizes, strides);
}

void resize_(const Tensor& x, const Dims& sizes) {
  if (x->requires_grad) fail<RuntimeError>("resize_: cannot resize variables that require grad");
  for (int64_t s : sizes)
    if (s < 0)
      fail<RuntimeError>("resize_: Trying to create tensor with negative dimension %lld: %s", static_cast<long long>(s),
                         to_string(sizes).c_str());
  if (x.sizes() == sizes) return;  // its strides stay
  const int64_t item = int64_t(itemsize(x.dtype())), held = int64_t(x->storage->bytes()) / item;
  const int64_t offset = (x.data<char>() - static_cast<char*>(x->storage->data())) / item;
  const int64_t needed = numel_of(sizes) ? offset + numel_of(sizes) : 0;
  if (needed > held) {
    if (x->storage->is_guest()) fail<RuntimeError>("resize_: Trying to resize storage that is not resizable");
    const Tensor grown = empty({needed}, x.dtype(), x.device());
    auto* first = static_cast<char*>(x->storage->data());
    const Tensor all(make_ref<TensorImpl>(x->storage, first, x.dtype(), Dims{held}, Dims{1}));
    copy_(narrow(grown, 0, 0, held), all);
    x->base = Ref<TensorImpl>();
    x->storage = grown->storage;
    x->data = grown.data<char>() + offset * item;
  }
  x->sizes = sizes;
  x->strides = contiguous_strides(sizes);
  x->numel = numel_of(sizes);
  x->contiguous = true;
  x->storage->bump_version();
}

Tensor full(const Dims& sizes, double value, DType dtype, Device device) {
  Tensor t = empty(sizes, dtype, device);
  fill_(t, value);
  return t;
}

Tensor full(const Dims& sizes, int64_t value, DType dtype, Device device) {
  Tensor t = empty(sizes, dtype, device);
  fill_(t, value);
  return t;
}

Tensor arange(double start, double end, double step, DType dtype, Device device) {
  if (!std::isfinite(start) || !std::isfinite(end))
    fail<RuntimeError>("arange: unsupported range: %g -> %g", start, end);
  check_step(start, end, step);
  SequenceArgs s{};
  s.dtype = dtype;
  s.n = int64_t(std::ceil((end - start) / step));
  s.start = start;
  s.step = step;
  return sequence(s, device);
}

Tensor arange(int64_t start, int64_t end, int64_t step, DType dtype, Device device) {
  check_step(start, end, step);
  SequenceArgs s{};
  s.dtype = dtype;
  s.whole = true;
  // Unsigned, since the ends may be further apart than an int64 says.
  const uint64_t distance = step > 0 ? uint64_t(end) - uint64_t(start) : uint64_t(start) - uint64_t(end);
  const uint64_t stride = step > 0 ? uint64_t(step) : -uint64_t(step);
  s.n = int64_t(distance / stride + (distance % stride != 0));
  s.n_start = start;
  s.n_step = step;
  return sequence(s, device);
}

Tensor linspace(double start, double end, int64_t steps, DType dtype, Device device) {
  if (steps < 0)
    fail<RuntimeError>("linspace: number of steps must be non-negative, got %lld", static_cast<long long>(steps));
  SequenceArgs s{};
  s.dtype = dtype;
  s.n = steps;
  s.start = start;
  s.end = end;
  s.step = steps > 1 ? (end - start) / double(steps - 1) : 0;
  s.from_end = true;
  return sequence(s, device);
}

Tensor eye(int64_t n, int64_t m, DType dtype, Device device) {
  if (n < 0 || m < 0)
    fail<RuntimeError>("eye: n and m must be greater or equal to 0, got %lld and %lld", static_cast<long long>(n),
                       static_cast<long long>(m));
  const Tensor t = zeros({n, m}, dtype, device);
  if (n > 0 && m > 0) fill_(make_view(t, {n < m ? n : m}, {m + 1}), int64_t(1));
  return t;
}

Records creation_records() { return {&sequence_op}; }

}  // namespace hotloop::ops
