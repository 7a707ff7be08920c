// Sorting, selection and search along a dim. The gradient of a sorted line goes back to where its elements were.
#include "ops/sort.h"

#include "core/error.h"
#include "dispatch/sort.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

struct Sort {
  int64_t first, k;  // of each sorted line, elements [first, k)
  int dim;           // of x, which lines lie along
  bool descending;

  // With the lines last.
  Dims lines(const Dims& x) const {
    Dims sizes = x;
    for (int d = dim; d + 1 < x.n; ++d) sizes[d] = x[d + 1];
    sizes[x.n - 1] = x[dim];
    return sizes;
  }
};

// x (..., n, ...), contiguous -> values, indices (..., k - first)
const OpRecord sort_op{.name = "sort",
                       .shape =
                           [](Call& c) {
                             const Sort& s = c.attrs<Sort>();
                             Dims sizes = s.lines(c.in(0).sizes());
                             sizes[sizes.n - 1] = s.k - s.first;
                             c.output(0, sizes, c.in(0).dtype());
                             c.output(1, sizes, DType::i64);
                           },
                       .kernel = every_device([](Call& c) {
                         const Tensor& x = c.in(0);
                         if (c.outputs[0].numel() == 0) return;
                         const Sort& s = c.attrs<Sort>();
                         const int64_t n = x.size(s.dim);
                         int64_t columns = 1;
                         for (int d = s.dim + 1; d < x.ndim(); ++d) columns *= x.size(d);
                         dispatch::sort(c.device, {x.dtype(), s.descending, x.numel() / n, n, s.first, s.k, x.data(),
                                                   c.outputs[0].data(), c.outputs[1].data<int64_t>(), columns});
                       }),
                       .gradient =
                           [](Gradient& g) {
                             if (!g.grad(0).defined()) return;
                             const Sort& s = g.attrs<Sort>();
                             const Dims sizes = s.lines(g.in_sizes(0));
                             g.set(0, movedim(scatter_into_zeros(sizes, -1, g.out(1), g.grad(0)), {-1}, {s.dim}));
                           },
                       .saves = Saves::of(0, 2),
                       .cost =
                           [](const Call& c) {
                             const double n = double(c.in(0).numel());
                             return Cost{8 * n, 16 * n};
                           },
                       .attributes_bytes = sizeof(Sort)};

ValuesIndices sorted_part(const Tensor& x, int dim, int64_t first, int64_t k, bool descending) {
  if (x.ndim() == 0) {
    const auto [values, indices] = sorted_part(unsqueeze(x, 0), 0, first, k, descending);
    if (k == 1) return {squeeze(values, {0}), squeeze(indices, {0})};
    return {values, indices};
  }
  // Lines side by side are taken as they are, but by a GPU.
  const bool last = dim == x.ndim() - 1, as_is = !last && x.is_contiguous() && x.device().type == DeviceType::cpu;
  const Tensor lines = as_is || last ? contiguous(x) : contiguous(movedim(x, {dim}, {-1}));
  const Sort s{first, k, as_is ? dim : x.ndim() - 1, descending};
  Call c{sort_op, &lines, 1, &s};
  run(c);
  if (last) return {c.outputs[0], c.outputs[1]};
  return {movedim(c.outputs[0], {-1}, {dim}), movedim(c.outputs[1], {-1}, {dim})};
}

}  // namespace

ValuesIndices sort(const Tensor& x, int64_t dim, bool descending) {
  const int d = wrap_dim("sort", dim, x.ndim());
  return sorted_part(x, d, 0, x.ndim() ? x.size(d) : 1, descending);
}

ValuesIndices topk(const Tensor& x, int64_t k, int64_t dim, bool largest) {
  const int d = wrap_dim("topk", dim, x.ndim());
  const int64_t n = x.ndim() ? x.size(d) : 1;
  if (k < 0 || k > n)
    fail<RuntimeError>("topk: selected index k out of range: k %lld, dimension of size %lld", static_cast<long long>(k),
                       static_cast<long long>(n));
  return sorted_part(x, d, 0, k, largest);
}

ValuesIndices kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim) {
  const int d = wrap_dim("kthvalue", dim, x.ndim());
  const int64_t n = x.ndim() ? x.size(d) : 1;
  if (n == 0) fail<IndexError>("kthvalue(): Expected reduction dim %d to have non-zero size.", d);
  if (k < 1 || k > n)
    fail<RuntimeError>("kthvalue(): selected number k out of range for dimension %d: k %lld, size %lld", d,
                       static_cast<long long>(k), static_cast<long long>(n));
  const auto [values, indices] = sorted_part(x, d, k - 1, k, false);
  if (x.ndim() == 0 || keepdim) return {values, indices};
  return {squeeze(values, {d}), squeeze(indices, {d})};
}

namespace {

struct Search {
  bool right;
};

// Inputs: sorted lines and values, contiguous and of one dtype.
const OpRecord search_op{.name = "searchsorted",
                         .shape = [](Call& c) { c.output(0, c.in(1).sizes(), DType::i64); },
                         .kernel = every_device([](Call& c) {
                           const Tensor &sorted = c.in(0), &values = c.in(1);
                           if (values.numel() == 0) return;
                           SearchArgs args{};
                           args.dtype = sorted.dtype();
                           args.right = c.attrs<Search>().right;
                           args.one_line = sorted.ndim() == 1;
                           args.n = sorted.size(sorted.ndim() - 1);
                           args.m = args.one_line ? values.numel() : values.size(values.ndim() - 1);
                           args.rows = values.numel() / args.m;
                           args.sorted = sorted.data();
                           args.values = values.data();
                           args.out = c.outputs[0].data<int64_t>();
                           dispatch::search(c.device, args);
                         }),
                         .attributes_bytes = sizeof(Search)};

}  // namespace

Tensor searchsorted(const char* op, const Tensor& sorted, const Tensor& values, bool right, const Tensor& sorter) {
  if (sorted.ndim() == 0) fail<RuntimeError>("%s: the sorted sequence must have at least one dim", op);
  bool fits = sorted.ndim() == 1 || sorted.ndim() == values.ndim();
  for (int d = 0; fits && d < sorted.ndim() - 1; ++d) fits = sorted.size(d) == values.size(d);
  if (!fits)
    fail<RuntimeError>(
        "%s: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
        "tensor must match, but we got boundaries tensor %s and input value tensor %s",
        op, to_string(sorted.sizes()).c_str(), to_string(values.sizes()).c_str());
  Tensor lines = sorted;
  if (sorter.defined()) {
    if (!(sorter.sizes() == sorted.sizes()))
      fail<RuntimeError>("%s: boundary and sorter must have the same size, but got %s and %s", op,
                         to_string(sorted.sizes()).c_str(), to_string(sorter.sizes()).c_str());
    if (sorter.dtype() != DType::i64)
      fail<RuntimeError>("%s: sorter must be a tensor of dtype int64, got %s", op, name(sorter.dtype()));
    lines = gather(sorted, -1, sorter);
  }
  const DType dtype = values->wrapped_number ? result_type({&lines, &values}) : promote(lines.dtype(), values.dtype());
  const auto ready = [&](const Tensor& t) { return contiguous(t.dtype() == dtype ? t : to_dtype(t, dtype)); };
  return call(search_op, {ready(lines), ready(values)}, Search{right});
}

Records sort_records() { return {&sort_op, &search_op}; }

}  // namespace hotloop::ops
