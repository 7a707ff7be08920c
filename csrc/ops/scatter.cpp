// Writing into a part of a copy, by view or by index, and reading by position.
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

// `part` is a view of a copy of the caller's tensor.
void write_part(const char* op, const Tensor& part, const Tensor& source) {
  if (!(part.sizes() == source.sizes()))
    fail<RuntimeError>("%s: expected src to have a size equal to the slice of self. src size = %s, slice size = %s", op,
                       to_string(source.sizes()).c_str(), to_string(part.sizes()).c_str());
  copy_(part, source);
}

Tensor as_positions(const char* op, const Tensor& index) {
  if (index.dtype() != DType::i64 && index.dtype() != DType::i32)
    fail<RuntimeError>("%s: expected an index of dtype int64, but got %s", op, name(index.dtype()));
  return index.dtype() == DType::i64 ? index : to_dtype(index, DType::i64);
}

void require_long(const char* op, const Tensor& index) {
  if (index.dtype() != DType::i64)
    fail<RuntimeError>("%s: Expected a long tensor for index, but got %s", op, name(index.dtype()));
}

}  // namespace

Tensor select_scatter(const Tensor& x, const Tensor& source, int64_t dim, int64_t index) {
  const Tensor out = clone(x);
  write_part("select_scatter", select(out, dim, index), source);
  return out;
}

Tensor slice_scatter(const Tensor& x, const Tensor& source, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  if (step <= 0) fail<RuntimeError>("slice_scatter: slice step must be positive, got %lld", ll(step));
  const Tensor out = clone(x);
  write_part("slice_scatter", slice(out, dim, start.value_or(0), end.value_or(INT64_MAX), step), source);
  return out;
}

Tensor diagonal_scatter(const Tensor& x, const Tensor& source, int64_t offset, int64_t dim1, int64_t dim2) {
  const Tensor out = clone(x);
  write_part("diagonal_scatter", diagonal(out, offset, dim1, dim2), source);
  return out;
}

Tensor as_strided_scatter(const Tensor& x, const Tensor& source, const Dims& sizes, const Dims& strides,
                          int64_t offset) {
  const Tensor out = clone(x);
  write_part("as_strided_scatter", as_strided(out, sizes, strides, offset), source);
  return out;
}

Tensor index_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, const std::string& reduce,
                    bool include_self) {
  const int d = wrap_dim("index_reduce", dim, x.ndim());
  if (index.ndim() > 1) fail<IndexError>("index_reduce(): Index is supposed to be a vector, got %d dims", index.ndim());
  if (reduce == "sum")
    fail<RuntimeError>("index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got sum");
  const Tensor positions = reshape(as_positions("index_reduce()", index), {-1});
  if (x.ndim() == 0)
    return reshape(scatter_reduce(reshape(x, {1}), 0, positions, reshape(source, {-1}), reduce, include_self), {});
  Dims wanted = x.sizes(), own = Dims::filled(x.ndim(), 1);
  wanted[d] = own[d] = positions.numel();
  if (!(source.sizes() == wanted))
    fail<RuntimeError>("index_reduce(): expected source of shape %s, got %s", to_string(wanted).c_str(),
                       to_string(source.sizes()).c_str());
  return scatter_reduce(x, d, expand(reshape(positions, own), wanted), source, reduce, include_self);
}

Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source) {
  if (mask.dtype() != DType::bool_)
    fail<RuntimeError>("masked_scatter_ only supports boolean masks, but got mask with dtype %s", name(mask.dtype()));
  if (source.dtype() != x.dtype())
    fail<RuntimeError>("masked_scatter: expected self and source to have same dtypes but got %s and %s",
                       name(x.dtype()), name(source.dtype()));
  const Dims sizes = broadcast_shape("masked_scatter", x.sizes(), mask.sizes());
  const Tensor where_set = expand(mask, sizes);
  if (x.device().type != DeviceType::cpu &&
      source.numel() > 0) {  // not asked how many: gather finds a source too short
    const Tensor order = cumsum(reshape(where_set, {-1}), 0) - number(int64_t(1));
    const Tensor place = where(reshape(where_set, {-1}), order, number(int64_t(0)));
    return where(where_set, reshape(gather(reshape(source, {-1}), 0, place), sizes), x);
  }
  const int64_t count = item(count_nonzero(where_set, {})).as_int();
  if (count > source.numel())
    fail<RuntimeError>(
        "masked_scatter: expected a source of at least %lld elements, one for each that is set in the "
        "mask, got %lld",
        ll(count), ll(source.numel()));
  const Tensor values = narrow(reshape(source, {-1}), 0, 0, count);
  return index_put(expand(x, sizes), {where_set}, values, false);
}

Tensor take(const Tensor& x, const Tensor& index) {
  require_long("take()", index);
  if (x.numel() == 0 && index.numel() > 0) fail<IndexError>("take(): tried to take from an empty tensor");
  const IndexItem item{.kind = IndexItem::tensor, .indices = reshape(index, {-1})};
  return reshape(ops::index(reshape(x, {-1}), {&item, 1}), index.sizes());
}

Tensor take_along_dim(const Tensor& x, const Tensor& index, std::optional<int64_t> dim) {
  require_long("take_along_dim()", index);
  if (!dim) return gather(reshape(x, {-1}), 0, reshape(index, {-1}));
  if (x.ndim() != index.ndim())
    fail<RuntimeError>(
        "take_along_dim(): input and indices should have the same number of dimensions, but got %d "
        "dimensions for input, and %d dimensions for indices",
        x.ndim(), index.ndim());
  const int d = wrap_dim("take_along_dim", *dim, x.ndim());
  const int64_t n = x.ndim() ? x.size(d) : 1;
  const Tensor positions = where(lt(index, 0.0), index + number(n), index);
  Dims left = x.sizes(), right = index.sizes();
  left[d] = right[d] = 1;
  Dims array = broadcast_shape("take_along_dim", left, right), places = array;
  array[d] = x.size(d);
  places[d] = index.size(d);
  return gather(expand(x, array), d, expand(positions, places));
}

Tensor put(const Tensor& x, const Tensor& index, const Tensor& source, bool accumulate) {
  if (source.dtype() != x.dtype())
    fail<RuntimeError>(
        "put(): self and source expected to have the same dtype, but got self.dtype = %s and "
        "source.dtype = %s",
        name(x.dtype()), name(source.dtype()));
  if (index.numel() != source.numel())
    fail<RuntimeError>(
        "put(): Expected source and index to have the same number of elements, but got source.numel() = "
        "%lld, index.numel() = %lld",
        ll(source.numel()), ll(index.numel()));
  const Tensor positions = reshape(as_positions("put()", index), {-1});
  return reshape(index_put(reshape(x, {-1}), {positions}, reshape(source, {-1}), accumulate), x.sizes());
}

}  // namespace hotloop::ops
