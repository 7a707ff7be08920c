// Repeating, turning, diagonals and triangles: compositions of views, copies and index reads.
#include "ops/rearrange.h"

#include <algorithm>

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "ops/shape.h"
#include "ops/sort.h"

namespace hotloop::ops {

namespace {

using ll = long long;

}  // namespace

Tensor tile(const Tensor& x, const Dims& dims) {
  Dims repeats = dims;
  while (repeats.n < x.ndim()) repeats.insert(0, 1);
  return repeat(x, repeats);
}

Tensor rot90(const Tensor& x, int64_t k, const Dims& dims) {
  if (dims.n != 2) fail<RuntimeError>("rot90: expected total rotation dims == 2, but got dims = %d", dims.n);
  if (x.ndim() < 2) fail<RuntimeError>("rot90: expected total dims >= 2, but got total dims = %d", x.ndim());
  const int a = wrap_dim("rot90", dims[0], x.ndim()), b = wrap_dim("rot90", dims[1], x.ndim());
  if (a == b) fail<RuntimeError>("rot90: expected rotation dims to be different, but got %d and %d", a, b);
  switch ((k % 4 + 4) % 4) {
    case 1: return transpose(flip(x, {b}), a, b);
    case 2: return flip(x, {a, b});
    case 3: return transpose(flip(x, {a}), a, b);
    default: return clone(x);
  }
}

Tensor repeat_interleave(const Tensor& repeats) {
  if (repeats.ndim() != 1 || !is_integral(repeats.dtype()))
    fail<RuntimeError>("repeat_interleave only accepts a 1D vector of integers as repeats, got shape %s and dtype %s",
                       to_string(repeats.sizes()).c_str(), name(repeats.dtype()));
  const int64_t n = repeats.numel();
  if (n == 0) return empty({0}, DType::i64, repeats.device());
  if (item(amin(repeats)).as_int() < 0) fail<RuntimeError>("repeat_interleave: repeats can not be negative");
  // Position i belongs to the index whose running total is the first above i.
  const Tensor totals = cumsum(repeats, 0);
  const int64_t total = item(select(totals, 0, n - 1)).as_int();
  return searchsorted("repeat_interleave", totals, arange(int64_t(0), total, int64_t(1), DType::i64, repeats.device()),
                      true, Tensor());
}

Tensor repeat_interleave(const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim,
                         std::optional<int64_t> output_size) {
  const Tensor in = dim ? (x.ndim() ? x : reshape(x, {1})) : reshape(x, {-1});
  const int d = wrap_dim("repeat_interleave", dim.value_or(0), in.ndim());
  const int64_t n = in.size(d);
  if (!is_integral(repeats.dtype()))
    fail<RuntimeError>("repeat_interleave: repeats has to be an integer or a tensor of integers, got %s",
                       name(repeats.dtype()));
  if (repeats.ndim() == 0 || repeats.numel() == 1) {
    const int64_t times = item(repeats).as_int();
    if (times < 0) fail<RuntimeError>("repeat_interleave: repeats can not be negative, got %lld", ll(times));
    // A dim of its own, expanded and merged: one copy.
    Dims wide = in.sizes(), merged = in.sizes();
    wide.insert(d + 1, times);
    merged[d] = n * times;
    if (output_size && *output_size != merged[d])
      fail<RuntimeError>(
          "repeat_interleave: allocated size does not match required size, got output_size %lld for %lld",
          ll(*output_size), ll(merged[d]));
    return reshape(clone(expand(unsqueeze(in, d + 1), wide)), merged);
  }
  if (repeats.numel() != n)
    fail<RuntimeError>(
        "repeat_interleave: repeats must have the same size as input along dim, but got "
        "repeats.size(0) = %lld and input.size(%d) = %lld",
        ll(repeats.numel()), d, ll(n));
  const Tensor index = repeat_interleave(repeats);
  if (output_size && *output_size != index.numel())
    fail<RuntimeError>("repeat_interleave: allocated size does not match required size, got output_size %lld for %lld",
                       ll(*output_size), ll(index.numel()));
  return index_select(in, d, index);
}

Tensor triangle_indices(const char* op, int64_t rows, int64_t columns, int64_t offset, DType dtype, bool lower,
                        Device device) {
  if (rows < 0 || columns < 0)
    fail<RuntimeError>("%s: row and col must be non-negative, got %lld and %lld", op, ll(rows), ll(columns));
  offset = std::clamp(offset, -rows, columns);  // all or nothing beyond
  const Tensor whole = full({rows, columns}, int64_t(1), DType::bool_, device);
  int64_t count = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t left = std::clamp<int64_t>(row + offset + lower, 0, columns);  // of the diagonal, or up to it
    count += lower ? left : columns - left;
  }
  const Tensor indices = transpose(nonzero_of(lower ? tril(whole, offset) : triu(whole, offset), count), 0, 1);
  return contiguous(dtype == DType::i64 ? indices : to_dtype(indices, dtype));
}

Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const int ndim = x.ndim() + 1;
  if (x.ndim() == 0) fail<RuntimeError>("diag_embed: expected an input of at least 1 dim, got a 0-d tensor");
  const int a = wrap_dim("diag_embed", dim1, ndim), b = wrap_dim("diag_embed", dim2, ndim);
  if (a == b) fail<RuntimeError>("diag_embed: diagonal dimensions cannot be identical %lld, %lld", ll(dim1), ll(dim2));
  const int64_t n = x.size(x.ndim() - 1) + (offset < 0 ? -offset : offset);
  Dims sizes = x.sizes();
  sizes.n -= 1;
  sizes.insert(a < b ? a : b, n);
  sizes.insert(a < b ? b : a, n);
  const Tensor out = zeros(sizes, x.dtype(), x.device());
  copy_(diagonal(out, offset, a, b), x);
  return out;
}

Tensor diag(const Tensor& x, int64_t offset) {
  if (x.ndim() == 1) return diag_embed(x, offset, 0, 1);
  if (x.ndim() == 2) return clone(diagonal(x, offset, 0, 1));
  fail<RuntimeError>("diag(): Supports 1D or 2D tensors. Got %dD", x.ndim());
}

Tensor diagflat(const Tensor& x, int64_t offset) { return diag_embed(reshape(x, {-1}), offset, 0, 1); }

Tensor trace(const Tensor& x) {
  if (x.ndim() != 2) fail<RuntimeError>("trace: expected a matrix, but got tensor with dim %d", x.ndim());
  return sum(diagonal(x, 0, 0, 1));
}

}  // namespace hotloop::ops
