// Joining, splitting and pairing: compositions of cat, views and broadcasting.
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

void require_some(const char* op, const std::vector<Tensor>& tensors) {
  if (tensors.empty()) fail<RuntimeError>("%s expects a non-empty TensorList", op);
}

std::vector<Tensor> all_atleast(const std::vector<Tensor>& tensors, int ndim) {
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors) parts.push_back(atleast(t, ndim));
  return parts;
}

}  // namespace

Tensor atleast(const Tensor& x, int ndim) {
  if (x.ndim() >= ndim) return x;
  Tensor out = x;
  if (out.ndim() == 0) out = reshape(out, {1});
  if (out.ndim() == 1 && ndim >= 2) out = unsqueeze(out, 0);
  return out.ndim() < ndim ? unsqueeze(out, -1) : out;
}

Tensor hstack(const std::vector<Tensor>& tensors) {
  require_some("hstack", tensors);
  const std::vector<Tensor> parts = all_atleast(tensors, 1);
  return cat(parts, parts[0].ndim() == 1 ? 0 : 1);
}

Tensor vstack(const std::vector<Tensor>& tensors) {
  require_some("vstack", tensors);
  return cat(all_atleast(tensors, 2), 0);
}

Tensor dstack(const std::vector<Tensor>& tensors) {
  require_some("dstack", tensors);
  return cat(all_atleast(tensors, 3), 2);
}

Tensor column_stack(const std::vector<Tensor>& tensors) {
  require_some("column_stack", tensors);
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors) parts.push_back(t.ndim() <= 1 ? reshape(t, {t.numel(), 1}) : t);
  return hstack(parts);
}

Tensor block_diag(const std::vector<Tensor>& tensors) {
  if (tensors.empty()) return empty({1, 0}, default_dtype());
  int64_t rows = 0, columns = 0;
  DType dtype = tensors[0].dtype();
  std::vector<Tensor> blocks;
  for (const Tensor& t : tensors) {
    if (t.ndim() > 2)
      fail<RuntimeError>("block_diag: Input tensors must have 2 or fewer dimensions. Input %zu has %d dimensions",
                         blocks.size(), t.ndim());
    blocks.push_back(atleast(t, 2));
    dtype = promote(dtype, t.dtype());
    rows += blocks.back().size(0);
    columns += blocks.back().size(1);
  }
  const Tensor out = zeros({rows, columns}, dtype, tensors[0].device());
  rows = columns = 0;
  for (const Tensor& b : blocks) {
    copy_(slice_all(out, {rows, columns}, b.sizes(), {1, 1}), b);
    rows += b.size(0);
    columns += b.size(1);
  }
  return out;
}

std::vector<Tensor> tensor_split(const Tensor& x, int64_t sections, int64_t dim) {
  if (x.ndim() == 0)
    fail<RuntimeError>("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
  const int d = wrap_dim("tensor_split", dim, x.ndim());
  if (sections <= 0)
    fail<RuntimeError>("tensor_split: number of sections must be larger than 0, got %lld", ll(sections));
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < sections; ++i) lengths.push_back(x.size(d) / sections + (i < x.size(d) % sections));
  return split(x, lengths, d);
}

std::vector<Tensor> tensor_split(const Tensor& x, const std::vector<int64_t>& indices, int64_t dim) {
  if (x.ndim() == 0)
    fail<RuntimeError>("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
  const int d = wrap_dim("tensor_split", dim, x.ndim());
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (size_t i = 0; i <= indices.size(); ++i) {
    const int64_t end = i < indices.size() ? indices[i] : x.size(d);
    parts.push_back(slice(x, d, start, end, 1));
    parts.back()->one_of_several = true;
    start = end;
  }
  return parts;
}

std::vector<Tensor> broadcast_tensors(const std::vector<Tensor>& tensors) {
  Dims sizes;
  for (const Tensor& t : tensors) sizes = broadcast_shape("broadcast_tensors", sizes, t.sizes());
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(expand(t, sizes));
  return out;
}

std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, const std::string& indexing) {
  require_some("meshgrid", tensors);
  if (indexing != "ij" && indexing != "xy")
    fail<RuntimeError>("meshgrid: indexing must be one of \"xy\" or \"ij\", but received: %s", indexing.c_str());
  const bool swaps = indexing == "xy" && tensors.size() >= 2;
  const int n = int(tensors.size());
  Dims sizes = Dims::filled(n, 1);
  for (int i = 0; i < n; ++i) {
    const Tensor& t = tensors[size_t(i)];
    if (t.ndim() > 1)
      fail<RuntimeError>("meshgrid: Expected 0D or 1D tensor in the tensor list but got shape %s",
                         to_string(t.sizes()).c_str());
    if (t.dtype() != tensors[0].dtype())
      fail<RuntimeError>("meshgrid expects all tensors to have the same dtype, got %s and %s", name(tensors[0].dtype()),
                         name(t.dtype()));
    sizes[i] = t.numel();
  }
  std::vector<Tensor> grids;
  for (int i = 0; i < n; ++i) {
    Dims own = Dims::filled(n, 1);
    own[i] = sizes[i];
    const Tensor grid = expand(reshape(tensors[size_t(i)], own), sizes);
    grids.push_back(swaps ? transpose(grid, 0, 1) : grid);
  }
  return grids;
}

Tensor cartesian_prod(const std::vector<Tensor>& tensors) {
  require_some("cartesian_prod", tensors);
  for (const Tensor& t : tensors)
    if (t.ndim() != 1)
      fail<RuntimeError>("cartesian_prod: Expect a 1D vector, but got shape %s", to_string(t.sizes()).c_str());
  if (tensors.size() == 1) return tensors[0];
  std::vector<Tensor> columns;
  for (const Tensor& grid : meshgrid(tensors, "ij")) columns.push_back(reshape(grid, {-1}));
  return stack(columns, 1);
}

Tensor combinations(const Tensor& x, int64_t r, bool with_replacement) {
  if (x.ndim() != 1)
    fail<RuntimeError>("combinations: Expect a 1D vector, but got shape %s", to_string(x.sizes()).c_str());
  if (r < 0) fail<RuntimeError>("combinations: Expect a non-negative number, but got %lld", ll(r));
  if (r == 0) return empty({0}, x.dtype(), x.device());
  const int64_t n = x.numel();
  // Ascending tuples of positions, of the product of r copies.
  const std::vector<Tensor> grids =
      meshgrid(std::vector<Tensor>(size_t(r), arange(int64_t(0), n, int64_t(1), DType::i64, x.device())), "ij");
  Tensor ascending = full(grids[0].sizes(), int64_t(1), DType::bool_, x.device());
  for (size_t i = 1; i < grids.size(); ++i)
    ascending = logical_and(ascending, with_replacement ? le(grids[i - 1], grids[i]) : lt(grids[i - 1], grids[i]));
  std::vector<Tensor> columns;
  for (const Tensor& grid : grids) columns.push_back(index_select(x, 0, masked_select(grid, ascending)));
  return stack(columns, 1);
}

}  // namespace hotloop::ops
