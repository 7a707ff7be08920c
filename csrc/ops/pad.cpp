// Padding: by a constant, or by elements of the input itself. Forward: out = x at a place that each of its dims
// computes. The gradient of constant padding is padding by as much less; that of the others is their adjoint, which
// saves nothing and whose own gradient is the padding again.
#include "dispatch/pad.h"
#include "core/error.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

const char* name_of(Border border) {
  constexpr const char* names[] = {"constant", "reflect", "replicate", "circular"};
  return names[int(border)];
}

struct Padding {
  Border border;
  double value;
  Dims before, after;  // of every dim; negative where elements are taken away
};

Dims padded_sizes(const Padding& p, const Dims& sizes) {
  Dims padded = sizes;
  for (int d = 0; d < sizes.n; ++d) {
    const int64_t n = sizes[d], before = p.before[d], after = p.after[d];
    if (before == 0 && after == 0) continue;
    if (p.border == Border::constant) {
      if (n + before + after < 0)
        fail<RuntimeError>(
            "pad: The input size %lld, plus negative padding %lld and %lld, resulted in a negative output "
            "size, which is invalid. Check dimension %d of your input.",
            ll(n), ll(before), ll(after), d);
    } else {
      const int64_t left = n + (before < 0 ? before : 0) + (after < 0 ? after : 0);
      const int64_t most = p.border == Border::reflect ? n - 1 : p.border == Border::circular ? left : INT64_MAX;
      if (n == 0 || before > most || after > most)
        fail<RuntimeError>("pad: %s padding (%lld, %lld) is too large for dimension %d of input shape %s",
                           name_of(p.border), ll(before), ll(after), d, to_string(sizes).c_str());
      if (n + before + after <= 0 || before + n < 0 || after + n < 0 || (p.border == Border::circular && left <= 0))
        fail<RuntimeError>("pad: padding (%lld, %lld) leaves nothing of dimension %d of input shape %s", ll(before),
                           ll(after), d, to_string(sizes).c_str());
    }
    padded[d] = n + before + after;
  }
  return padded;
}

// The dims from the first padded one on; dims after the last padded one count as one.
PadArgs describe(const Padding& p, const Dims& sizes, const Tensor& x, const Tensor& out) {
  int first = sizes.n - 1, last = 0;
  for (int d = sizes.n - 1; d >= 0; --d) {
    if (p.before[d] == 0 && p.after[d] == 0) continue;
    first = d;
    if (last == 0) last = d;
  }
  PadArgs args;
  args.dtype = x.dtype();
  args.border = p.border;
  args.x = x.data();
  args.out = out.data();
  args.fill = nullptr;
  args.planes = 1;
  args.dims = 0;
  for (int d = 0; d < first; ++d) args.planes *= sizes[d];
  const auto add = [&](int64_t n, int64_t before, int64_t after) {
    PadDim& dim = args.dim[args.dims++];
    dim = {n, n + before + after, before, after, before > 0 ? before : 0, 0};
    dim.end = dim.out - (after > 0 ? after : 0);
    if (dim.end < dim.begin) dim.end = dim.begin = 0;
  };
  for (int d = first; d <= last; ++d) add(sizes[d], p.before[d], p.after[d]);
  int64_t inner = 1;
  for (int d = last + 1; d < sizes.n; ++d) inner *= sizes[d];
  if (inner != 1) add(inner, 0, 0);
  return args;
}

Tensor pad_by(const Tensor& x, const Padding& p);

struct PadBackward {
  Padding padding;
  Dims sizes;  // of grad_x
};

// grad_out (padded sizes) -> grad_x
const OpRecord pad_backward_op{.name = "pad_backward",
                               .shape = [](Call& c) { c.output(0, c.attrs<PadBackward>().sizes, c.in(0).dtype()); },
                               .kernel = every_device([](Call& c) {
                                 const PadBackward& b = c.attrs<PadBackward>();
                                 if (c.outputs[0].numel() == 0) return;
                                 dispatch::pad_backward(c.device, describe(b.padding, b.sizes, c.in(0), c.outputs[0]));
                               }),
                               .gradient =
                                   [](Gradient& g) {
                                     if (g.grad(0).defined())
                                       g.set(0, pad_by(g.grad(0), g.attrs<PadBackward>().padding));
                                   },
                               .attributes_bytes = sizeof(PadBackward)};

const OpRecord pad_op{
    .name = "pad",
    .shape = [](Call& c) { c.output(0, padded_sizes(c.attrs<Padding>(), c.in(0).sizes()), c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      const Padding& p = c.attrs<Padding>();
      if (c.outputs[0].numel() == 0) return;
      PadArgs args = describe(p, c.in(0).sizes(), c.in(0), c.outputs[0]);
      const Tensor fill = scalar_tensor(p.value, args.dtype);
      args.fill = fill.data();
      dispatch::pad(c.device, args);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Padding& p = g.attrs<Padding>();
          if (p.border != Border::constant)
            return g.set(0, call(pad_backward_op, {contiguous(g.grad(0))}, PadBackward{p, g.in_sizes(0)}));
          Padding less{Border::constant, 0, p.before, p.after};
          for (int d = 0; d < less.before.n; ++d) {
            less.before[d] = -less.before[d];
            less.after[d] = -less.after[d];
          }
          g.set(0, pad_by(g.grad(0), less));
        },
    .attributes_bytes = sizeof(Padding)};

Tensor pad_by(const Tensor& x, const Padding& p) {
  for (int d = 0; d < x.ndim(); ++d)
    if (p.before[d] != 0 || p.after[d] != 0) return call(pad_op, {contiguous(x)}, p);
  return clone(x);
}

struct Triangle {
  int64_t diagonal;
  bool lower;
};

Tensor triangle(const OpRecord& op, const Tensor& x, int64_t diagonal, bool lower);

void triangle_shape(Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); }
void triangle_kernel(Call& c) {
  const Tensor& x = c.in(0);
  if (x.numel() == 0) return;
  const Triangle& t = c.attrs<Triangle>();
  const int64_t rows = x.size(x.ndim() - 2), columns = x.size(x.ndim() - 1);
  // Far diagonals are as good as those just beyond the matrix.
  const int64_t diagonal = t.diagonal < -rows ? -rows : t.diagonal > columns ? columns : t.diagonal;
  dispatch::triangle(c.device, {x.dtype(), t.lower, x.numel() / (rows * columns), rows, columns, diagonal, x.data(),
                                c.outputs[0].data()});
}
void triangle_gradient(Gradient& g);

constexpr OpRecord triangle_record(const char* name) {
  return {.name = name,
          .shape = triangle_shape,
          .kernel = every_device(triangle_kernel),
          .gradient = triangle_gradient,
          .attributes_bytes = sizeof(Triangle)};
}
const OpRecord tril_op = triangle_record("tril"), triu_op = triangle_record("triu");

void triangle_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Triangle& t = g.attrs<Triangle>();
  g.set(0, triangle(t.lower ? tril_op : triu_op, g.grad(0), t.diagonal, t.lower));
}

Tensor triangle(const OpRecord& op, const Tensor& x, int64_t diagonal, bool lower) {
  if (x.ndim() < 2) fail<RuntimeError>("%s: input tensor must have at least 2 dimensions, got %d", op.name, x.ndim());
  return call(op, {contiguous(x)}, Triangle{diagonal, lower});
}

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) { return triangle(tril_op, x, diagonal, true); }
Tensor triu(const Tensor& x, int64_t diagonal) { return triangle(triu_op, x, diagonal, false); }

Tensor pad(const Tensor& x, const std::vector<int64_t>& pad, const std::string& mode, double value) {
  if (pad.size() % 2 != 0) fail<RuntimeError>("pad: Padding length must be divisible by 2, got %zu", pad.size());
  if (int(pad.size()) > 2 * x.ndim())
    fail<RuntimeError>(
        "pad: Padding length should be less than or equal to two times the input dimension but got padding length %zu "
        "and input of dimension %d",
        pad.size(), x.ndim());
  const int padded = int(pad.size()) / 2;
  Padding p{Border::constant, value, Dims::filled(x.ndim(), 0), Dims::filled(x.ndim(), 0)};
  for (int i = 0; i < padded; ++i) {
    p.before[x.ndim() - 1 - i] = pad[size_t(2 * i)];
    p.after[x.ndim() - 1 - i] = pad[size_t(2 * i + 1)];
  }
  if (mode == "constant") return pad_by(x, p);
  for (const Border border : {Border::reflect, Border::replicate, Border::circular})
    if (mode == name_of(border)) p.border = border;
  if (p.border == Border::constant) fail<RuntimeError>("pad: Unrecognised padding mode %s", mode.c_str());
  if (padded < 1 || padded > 3 || (x.ndim() != padded + 1 && x.ndim() != padded + 2))
    fail<RuntimeError>(
        "pad: Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now, got input of %d dims and "
        "padding of length %zu",
        x.ndim(), pad.size());
  return pad_by(x, p);
}

Records pad_records() { return {&pad_backward_op, &pad_op, &tril_op, &triu_op}; }

}  // namespace hotloop::ops
