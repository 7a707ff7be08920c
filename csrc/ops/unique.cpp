// Sets and counts: unique values by sorting and by the places where neighbours differ; histograms.
#include "core/error.h"
#include "dispatch/histogram.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "ops/shape.h"
#include "ops/sort.h"

namespace hotloop::ops {

namespace {

using ll = long long;

// Runs of rows (n) or (n, width); where asked for, each row's run and the lengths of the runs.
Unique runs_of(const Tensor& rows, UniqueParts parts) {
  const int64_t n = rows.size(0);
  if (n == 0) {
    const Tensor none = empty({0}, DType::i64, rows.device());
    return {rows, none, none};
  }
  // Rows that differ from the one before them, and the end, where the last run's successor would begin.
  const Tensor marks = empty({n + 1}, DType::bool_, rows.device());
  const Tensor inner = narrow(marks, 0, 1, n - 1), begins = narrow(marks, 0, 0, n);
  const Tensor later = narrow(rows, 0, 1, n - 1), earlier = narrow(rows, 0, 0, n - 1);
  if (rows.ndim() == 1)
    ne_into(inner, later, earlier);
  else
    copy_(inner, any(ne(later, earlier), Dims{1}));
  Unique runs;
  if (parts.inverse) {
    fill_(narrow(marks, 0, 0, 1), int64_t(0));
    runs.inverse = cumsum(begins, 0);
  }
  fill_(narrow(marks, 0, 0, 1), int64_t(1));
  if (rows.ndim() == 1) runs.values = masked_select(rows, begins);
  if (rows.ndim() == 1 && !parts.counts) return runs;
  fill_(narrow(marks, 0, n, 1), int64_t(1));
  const Tensor bounds = reshape(nonzero(marks), {-1});
  const int64_t count = bounds.size(0) - 1;
  const Tensor starts = narrow(bounds, 0, 0, count);
  if (rows.ndim() == 2) runs.values = index_select(rows, 0, starts);
  if (parts.counts) runs.counts = narrow(bounds, 0, 1, count) - starts;
  return runs;
}

// The order of rows (n, width), the first column first: stable sorts from the last column on.
Tensor lexicographic(const Tensor& rows) {
  Tensor order = arange(int64_t(0), rows.size(0), int64_t(1), DType::i64, rows.device());
  for (int64_t column = rows.size(1) - 1; column >= 0; --column) {
    const Tensor keys = index_select(select(rows, 1, column), 0, order);
    order = index_select(order, 0, std::get<1>(sort(keys, 0, false)));
  }
  return order;
}

// Rows of the slices along a dim, and slices of such rows.
struct Slices {
  Tensor rows;
  Dims sizes;  // of the dims in the rows' order
  int dim;

  Slices(const char* op, const Tensor& x, int64_t along) : dim(wrap_dim(op, along, x.ndim())) {
    const Tensor first = movedim(x, {dim}, {0});
    sizes = first.sizes();
    const int64_t n = sizes[0], width = n ? x.numel() / n : 0;
    if (n == 0 || width == 0)
      for (int d = 1; d < sizes.n; ++d)
        if (sizes[d] == 0 || n > 0)
          fail<RuntimeError>("%s: There are 0 sized dimensions, and they aren't selected, so unique cannot be applied",
                             op);
    rows = reshape(first, {n, width});
  }
  Tensor back(const Tensor& some) const {
    Dims to = sizes;
    to[0] = some.size(0);
    return movedim(reshape(some, to), {0}, {dim});
  }
};

}  // namespace

Unique unique_consecutive(const Tensor& x, std::optional<int64_t> dim, UniqueParts parts) {
  if (dim && x.ndim() > 0) {
    const Slices slices("unique_consecutive", x, *dim);
    Unique runs = runs_of(slices.rows, parts);
    runs.values = slices.back(runs.values);
    return runs;
  }
  Unique runs = runs_of(reshape(x, {-1}), parts);
  if (parts.inverse) runs.inverse = reshape(runs.inverse, x.sizes());
  return runs;
}

Unique unique(const Tensor& x, std::optional<int64_t> dim, UniqueParts parts) {
  std::optional<Slices> slices;
  if (dim && x.ndim() > 0) slices.emplace("unique_dim", x, *dim);
  Tensor rows, order;
  if (slices) {
    order = lexicographic(slices->rows);
    rows = index_select(slices->rows, 0, order);
  } else {
    std::tie(rows, order) = sort(reshape(x, {-1}), 0, false);
  }
  Unique runs = runs_of(rows, parts);
  if (slices) runs.values = slices->back(runs.values);
  if (parts.inverse) {
    runs.inverse = scatter(runs.inverse, 0, order, runs.inverse);
    if (!slices) runs.inverse = reshape(runs.inverse, x.sizes());
  }
  return runs;
}

Tensor isin(const Tensor& elements, const Tensor& test_elements, bool invert) {
  for (const Tensor* t : {&elements, &test_elements})
    if (t->dtype() == DType::bool_) fail<RuntimeError>("isin: bool elements are not supported");
  const DType dtype = result_type({&elements, &test_elements});
  // Either may be a number.
  const Device device = elements->wrapped_number ? test_elements.device() : elements.device();
  const Tensor x = to_device(to_dtype(elements, dtype), device);
  const Tensor tests = reshape(to_device(to_dtype(test_elements, dtype), device), {-1});
  const int64_t n = tests.size(0);
  if (n == 0) return full(x.sizes(), int64_t(invert), DType::bool_, x.device());
  const Tensor sorted = std::get<0>(sort(tests, 0, false));
  const Tensor place = minimum(searchsorted("isin", sorted, x, false, Tensor()), number(n - 1));
  const Tensor nearest = reshape(index_select(sorted, 0, reshape(place, {-1})), x.sizes());
  return invert ? ne(nearest, x) : eq(nearest, x);
}

namespace {

struct Histogram {
  int64_t bins;
  double low, high;
};

// (n) -> (bins), whole numbers.
const OpRecord histogram_op{
    .name = "histogram",
    .shape = [](Call& c) { c.output(0, {c.attrs<Histogram>().bins}, DType::i64); },
    .kernel = every_device([](Call& c) {
      const Histogram& h = c.attrs<Histogram>();
      const Tensor &x = c.in(0), &counts = c.outputs[0];
      if (h.bins > 0)
        dispatch::histogram(c.device, {x.dtype(), x.numel(), h.bins, h.low, h.high, x.data(), counts.data<int64_t>()});
    }),
    .attributes_bytes = sizeof(Histogram)};

}  // namespace

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength) {
  if (!is_integral(x.dtype()))
    fail<DTypeError>("bincount only supports 1-d non-negative integral inputs, got %s", name(x.dtype()));
  if (x.ndim() != 1)
    fail<RuntimeError>("bincount only supports 1-d non-negative integral inputs, got shape %s and dtype %s",
                       to_string(x.sizes()).c_str(), name(x.dtype()));
  if (minlength < 0) fail<RuntimeError>("bincount: minlength should be >= 0, got %lld", ll(minlength));
  if (weights.defined() && !(weights.sizes() == x.sizes()))
    fail<RuntimeError>("bincount: weights should be 1-d and have the same length as input, got %s and %s",
                       to_string(weights.sizes()).c_str(), to_string(x.sizes()).c_str());
  int64_t bins = minlength;
  if (x.numel() > 0) {
    if (item(amin(x)).as_int() < 0)
      fail<RuntimeError>("bincount only supports 1-d non-negative integral inputs, got a negative one");
    const int64_t needed = item(amax(x)).as_int() + 1;
    if (needed > bins) bins = needed;
  }
  const Tensor places = contiguous(to_dtype(x, DType::i64));
  if (!weights.defined()) return call(histogram_op, {places}, Histogram{bins, 0, 0});
  const DType dtype = weights.dtype() == DType::f32 ? DType::f32 : DType::f64;
  return index_add(zeros({bins}, dtype, x.device()), 0, places, to_dtype(weights, dtype));
}

Tensor histc(const Tensor& x, int64_t bins, double min, double max) {
  if (!is_floating(x.dtype())) fail<DTypeError>("histc: expected a floating point input, got %s", name(x.dtype()));
  if (bins <= 0) fail<RuntimeError>("histc: bins must be > 0, got %lld", ll(bins));
  const Tensor values = reshape(x, {-1});
  if (min == max && x.numel() > 0) {
    min = item(amin(values)).as_double();
    max = item(amax(values)).as_double();
  }
  if (min == max) {
    min -= 1;
    max += 1;
  }
  if (!(min < max) || !__builtin_isfinite(min) || !__builtin_isfinite(max))
    fail<RuntimeError>("histc: range of [%g, %g] is not finite or not ascending", min, max);
  Tensor counts;
  if (itemsize(x.dtype()) ==
      2) {  // each step of a bin is rounded to halves, as PyTorch rounds; one bin more for what has none
    const Tensor bin = minimum(to_dtype((values - min) * double(bins) / (max - min), DType::i64), number(bins - 1));
    const Tensor places = where(logical_and(ge(values, min), le(values, max)), bin, number(bins));
    counts = narrow(call(histogram_op, {places}, Histogram{bins + 1, 0, 0}), 0, 0, bins);
  } else {
    counts = call(histogram_op, {contiguous(values)}, Histogram{bins, min, max});
  }
  return to_dtype(counts, x.dtype());
}

Records unique_records() { return {&histogram_op}; }

}  // namespace hotloop::ops
