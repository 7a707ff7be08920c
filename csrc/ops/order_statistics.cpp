// Medians, modes and quantiles: what stands somewhere in sorted lines. Medians and modes have a kernel; quantiles are
// written with ops.
#include "core/error.h"
#include "dispatch/sort.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"
#include "ops/sort.h"

namespace hotloop::ops {

namespace {

struct Statistic {
  Pick pick;
};

// Of lines of n.
void launch_pick(Call& c, int64_t n) {
  const Tensor& x = c.in(0);
  if (c.outputs[0].numel() == 0) return;
  dispatch::pick(c.device, {x.dtype(), c.attrs<Statistic>().pick, x.numel() / n, n, x.data(), c.outputs[0].data(),
                            c.outputs[1].data<int64_t>()});
}
Cost pick_cost(const Call& c) {
  const double n = double(c.in(0).numel());
  return {4 * n, n * double(itemsize(c.in(0).dtype()))};
}

// x (..., n), contiguous -> values, indices (...)
constexpr OpRecord pick_from_lines(const char* name) {
  return {.name = name,
          .shape =
              [](Call& c) {
                Dims sizes = c.in(0).sizes();
                --sizes.n;
                c.output(0, sizes, c.in(0).dtype());
                c.output(1, sizes, DType::i64);
              },
          .kernel = every_device([](Call& c) { launch_pick(c, c.in(0).size(c.in(0).ndim() - 1)); }),
          .gradient =
              [](Gradient& g) {
                if (!g.grad(0).defined()) return;
                g.set(0, scatter_into_zeros(g.in_sizes(0), -1, unsqueeze(g.out(1), -1), unsqueeze(g.grad(0), -1)));
              },
          .saves = Saves::of(0, 2),
          .cost = pick_cost,
          .attributes_bytes = sizeof(Statistic)};
}
const OpRecord median_op = pick_from_lines("median"), mode_op = pick_from_lines("mode");

// x, contiguous -> of all elements the median and its place, numbers. Elements that are equal to it share its gradient.
const OpRecord median_of_all_op{.name = "median_of_all",
                                .shape =
                                    [](Call& c) {
                                      c.output(0, {}, c.in(0).dtype());
                                      c.output(1, {}, DType::i64);
                                    },
                                .kernel = every_device([](Call& c) { launch_pick(c, c.in(0).numel()); }),
                                .gradient =
                                    [](Gradient& g) {
                                      if (!g.grad(0).defined()) return;
                                      const Tensor x = g.in(0), out = g.out(0);
                                      const Tensor chosen = logical_or(eq(x, out), logical_and(isnan(x), isnan(out)));
                                      const Tensor count = to_dtype(sum(chosen), x.dtype());
                                      g.set(0, where(chosen, g.grad(0) / count, 0.0));
                                    },
                                .saves = Saves::of(0b1, 1),
                                .cost = pick_cost,
                                .attributes_bytes = sizeof(Statistic)};

ValuesIndices pick(const OpRecord& op, const char* name, const Tensor& x, int64_t dim, bool keepdim, Pick what) {
  const int d = wrap_dim(name, dim, x.ndim());
  const Tensor lines = x.ndim() == 0 ? unsqueeze(x, 0) : d == x.ndim() - 1 ? x : movedim(x, {d}, {-1});
  if (lines.size(lines.ndim() - 1) == 0)
    fail<IndexError>("%s(): Expected reduction dim %d to have non-zero size.", name, d);
  const Tensor input = contiguous(lines);
  const Statistic statistic{what};
  Call c{op, &input, 1, &statistic};
  run(c);
  if (!keepdim || x.ndim() == 0) return {c.outputs[0], c.outputs[1]};
  return {unsqueeze(c.outputs[0], d), unsqueeze(c.outputs[1], d)};
}

}  // namespace

ValuesIndices median(const Tensor& x, int64_t dim, bool keepdim, bool nan) {
  return pick(median_op, nan ? "nanmedian" : "median", x, dim, keepdim, nan ? Pick::nanmedian : Pick::median);
}

Tensor median(const Tensor& x, bool nan) {
  if (x.numel() == 0) return is_floating(x.dtype()) ? sum(x) + __builtin_nan("") : zeros({}, x.dtype(), x.device());
  return call(median_of_all_op, {contiguous(x)}, Statistic{nan ? Pick::nanmedian : Pick::median});
}

ValuesIndices mode(const Tensor& x, int64_t dim, bool keepdim) {
  return pick(mode_op, "mode", x, dim, keepdim, Pick::mode);
}

Tensor quantile(const Tensor& x, const Tensor& q, std::optional<int64_t> dim, bool keepdim,
                const std::string& interpolation, bool nan) {
  const char* op = nan ? "nanquantile" : "quantile";
  if (x.dtype() != DType::f32 && x.dtype() != DType::f64)
    fail<RuntimeError>("%s() input tensor must be either float or double dtype, got %s", op, name(x.dtype()));
  if (x.numel() == 0) fail<RuntimeError>("%s() input tensor must be non-empty", op);
  if (q.ndim() > 1)
    fail<RuntimeError>("%s() q must be a scalar or 1D tensor, got shape %s", op, to_string(q.sizes()).c_str());
  if (!q->wrapped_number && q.dtype() != x.dtype())
    fail<RuntimeError>("%s() q tensor must be same dtype as the input tensor, got %s and %s", op, name(q.dtype()),
                       name(x.dtype()));
  const bool linear = interpolation == "linear", midpoint = interpolation == "midpoint";
  if (!linear && !midpoint && interpolation != "lower" && interpolation != "higher" && interpolation != "nearest")
    fail<RuntimeError>("%s() interpolation must be one of linear, lower, higher, midpoint or nearest, but got %s", op,
                       interpolation.c_str());
  // A GPU's levels aren't asked, which would be waited for: gather reports what lies outside.
  const Tensor given = q.dtype() == x.dtype() ? q : to_dtype(q, x.dtype());
  const bool on_host = given.device().type == DeviceType::cpu;
  if (on_host && item(all(logical_and(ge(given, 0.0), le(given, 1.0)))).as_int() == 0)
    fail<RuntimeError>("%s() q values must be in the range [0, 1]", op);
  const Tensor levels = to_device(given, x.device());
  // Lines last, and the levels after them.
  const int d = dim ? wrap_dim(op, *dim, x.ndim()) : 0;
  const Tensor lines = !dim ? reshape(x, {-1}) : x.ndim() ? movedim(x, {d}, {-1}) : unsqueeze(x, 0);
  const Tensor sorted = std::get<0>(sort(lines, -1, false));
  const Tensor is_nan = isnan(lines);
  const double last = double(lines.size(lines.ndim() - 1) - 1);
  const Tensor level = levels.ndim() ? levels : unsqueeze(levels, 0);
  Tensor rank;
  if (nan) {
    rank = level * maximum(to_dtype(sum(logical_not(is_nan), Dims{-1}, true), x.dtype()) - 1.0, number(0.0));
  } else {
    rank = where(any(is_nan, Dims{-1}, true), last, level * last);
  }
  if (interpolation == "lower") rank = floor(rank);
  if (interpolation == "higher") rank = ceil(rank);
  if (interpolation == "nearest") rank = round(rank);
  // A level outside is no place, whatever it would be rounded to.
  if (!on_host) rank = where(logical_and(ge(level, 0.0), le(level, 1.0)), rank, -1.0);
  Tensor result = gather(sorted, -1, to_dtype(rank, DType::i64));
  if (linear || midpoint) {
    const Tensor above = gather(sorted, -1, to_dtype(ceil(rank), DType::i64));
    const Tensor weight = midpoint ? zeros_like(rank) + 0.5 : rank - floor(rank);
    result = lerp(result, above, weight);
  }
  // (..., levels) -> (levels, ...), with the reduced dims kept where wanted.
  result = movedim(result, {-1}, {0});
  if (keepdim) {
    Dims sizes = dim ? x.sizes() : Dims::filled(x.ndim(), 1);
    if (dim && x.ndim()) sizes[d] = 1;
    sizes.insert(0, result.size(0));
    result = reshape(result, sizes);
  }
  return levels.ndim() ? result : squeeze(result, {0});
}

Records order_statistics_records() { return {&median_op, &median_of_all_op, &mode_op}; }

}  // namespace hotloop::ops
