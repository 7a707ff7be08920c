// Ops that address elements by an index tensor along one dim. Two shapes of it: `rows`, where each index
// names a whole slice (index_select, embedding), and `elements`, where the index tensor has a number for
// every element (gather, scatter). Reading one is the gradient of adding by the other, and the reverse.
#include "ops/index.h"

#include "core/error.h"
#include "dispatch/index.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

enum class Kind : uint8_t { rows, elements };

struct Indexing {
  Kind kind;
  int dim;
  bool wrap;     // negative indices count from the end
  int64_t skip;  // rows that collect no gradient; INT64_MIN: none
  Dims sizes;    // of the array, where it isn't an input
};

// Sizes of the values that go with an array of `sizes`.
Dims values_sizes(const Indexing& x, const Dims& sizes, const Tensor& index) {
  if (x.kind == Kind::elements) return index.sizes();
  Dims out;
  for (int d = 0; d < x.dim; ++d) out.push(sizes[d]);
  for (int64_t s : index.sizes()) out.push(s);
  for (int d = x.dim + 1; d < sizes.n; ++d) out.push(sizes[d]);
  return out;
}

void describe(const Call& c, IndexArgs& args, IndexFault& fault, const Indexing& x, const Tensor& array,
              const Tensor& values, const Tensor& index) {
  args.dtype = array.dtype();
  args.array = array.data();
  args.values = values.data();
  args.index_dims = args.slice_dims = 0;
  args.tensor_count = 1;
  args.skip = x.skip;
  args.fault = &fault;
  args.op = c.op.name;
  args.gpu_fault = fault_slot(c.device);
  IndexTensor& t = args.tensors[0];
  t.indices = index.data<int64_t>();
  const bool scalar = array.ndim() == 0;
  t.size = scalar ? 1 : array.size(x.dim);
  t.array_stride = scalar ? 0 : array.stride(x.dim);
  t.wrap = x.wrap;
  t.dim = x.dim;
  if (x.kind == Kind::rows && index.ndim() == 1 && array.ndim() > 1 && x.dim == array.ndim() - 1) {
    // Slices of one element each would be columns: all rows go through the same indices instead.
    for (int d = 0; d <= x.dim; ++d) {
      const bool own = d == x.dim;
      t.strides[d] = own ? index.stride(0) : 0;
      args.index[d] = {values.size(d), own ? 0 : array.stride(d), values.stride(d), !own};
    }
    args.index_dims = array.ndim();
    return;
  }
  for (int d = 0; d < index.ndim(); ++d) {
    const bool elements = x.kind == Kind::elements, own = d == x.dim;
    const int value_dim = elements ? d : x.dim + d;
    if (index.size(d) == 1) continue;  // the dims around it make longer runs of positions
    t.strides[args.index_dims] = index.stride(d);
    args.index[args.index_dims++] = {index.size(d), elements && !own ? array.stride(d) : 0, values.stride(value_dim),
                                     elements && !own};
  }
  if (x.kind == Kind::elements) return;
  for (int d = 0; d < array.ndim(); ++d) {
    if (d == x.dim) continue;
    const int value_dim = d < x.dim ? d : d - 1 + index.ndim();
    args.slice[args.slice_dims++] = {array.size(d), array.stride(d), values.stride(value_dim), true};
  }
}

void check_fault(const char* op, const IndexFault& fault, const Indexing& x, const Dims& sizes) {
  if (fault.tensor >= 0)
    fail<OutOfRangeError>("%s: index %lld is out of bounds for dimension %d with size %lld", op,
                          static_cast<long long>(fault.value), x.dim,
                          static_cast<long long>(sizes.n ? sizes[x.dim] : 1));
}

// --- reading: inputs (array, index) -----------------------------------------------------------------
void read_shape(Call& c) { c.output(0, values_sizes(c.attrs<Indexing>(), c.in(0).sizes(), c.in(1)), c.in(0).dtype()); }

void launch_read(Call& c) {
  const Indexing& x = c.attrs<Indexing>();
  if (c.outputs[0].numel() == 0 && c.in(1).numel() == 0) return;
  IndexArgs args;
  IndexFault fault{-1, 0};
  describe(c, args, fault, x, c.in(0), c.outputs[0], c.in(1));
  dispatch::index_read(c.device, args);
  check_fault(c.op.name, fault, x, c.in(0).sizes());
}

Tensor add_into_zeros(const Indexing& x, const Dims& sizes, const Tensor& index, const Tensor& source);
Tensor read(const OpRecord& op, const Indexing& x, const Tensor& array, const Tensor& index);

void read_gradient(Gradient& g) {
  if (g.grad(0).defined()) g.set(0, add_into_zeros(g.attrs<Indexing>(), g.in_sizes(0), g.in(1), g.grad(0)));
}

constexpr OpRecord reading(const char* name) {
  return {.name = name,
          .shape = read_shape,
          .kernel = every_device(launch_read),
          .gradient = read_gradient,
          .saves = Saves::of(0b10),
          .attributes_bytes = sizeof(Indexing)};
}
const OpRecord index_select_op = reading("index_select");
const OpRecord embedding_op = reading("embedding");
const OpRecord gather_op = reading("gather");

// --- adding into zeros: inputs (index, source) ------------------------------------------------------
const OpRecord add_into_zeros_op{.name = "index_accumulate",
                                 .shape = [](Call& c) { c.output(0, c.attrs<Indexing>().sizes, c.in(1).dtype()); },
                                 .kernel = every_device([](Call& c) {
                                   const Indexing& x = c.attrs<Indexing>();
                                   const Tensor& out = c.outputs[0];
                                   set_zero(out);
                                   if (c.in(1).numel() == 0) return;
                                   IndexArgs args;
                                   IndexFault fault{-1, 0};
                                   describe(c, args, fault, x, out, c.in(1), c.in(0));
                                   dispatch::index_add(c.device, args);
                                   check_fault(c.op.name, fault, x, out.sizes());
                                 }),
                                 .gradient =
                                     [](Gradient& g) {
                                       if (!g.grad(0).defined()) return;
                                       const Indexing& x = g.attrs<Indexing>();
                                       const Tensor index = g.in(0);
                                       Tensor grad = read(x.kind == Kind::rows ? index_select_op : gather_op, x,
                                                          g.grad(0), index);
                                       // Only embedding skips rows, whose index comes before the one dim of a row.
                                       if (x.skip != INT64_MIN)
                                         grad = where(unsqueeze(ne(index, double(x.skip)), -1), grad, 0.0);
                                       g.set(1, grad);
                                     },
                                 .saves = Saves::of(0b01),
                                 .attributes_bytes = sizeof(Indexing)};

// --- writing over a copy: inputs (array, index, source) ---------------------------------------------
enum class Write : uint8_t { put, add, multiply, max, min };

struct Writing {
  Indexing indexing;
  Write write;
};

void write_shape(Call& c) {
  const Indexing& x = c.attrs<Writing>().indexing;
  const Dims wanted = values_sizes(x, c.in(0).sizes(), c.in(1));
  const Tensor& source = c.in(2);
  bool fits = source.ndim() == wanted.n;
  for (int d = 0; fits && d < wanted.n; ++d)
    fits = x.kind == Kind::elements ? source.size(d) >= wanted[d] : source.size(d) == wanted[d];
  if (!fits)
    fail<RuntimeError>("%s: expected source of shape %s for index of shape %s, got %s", c.op.name,
                       to_string(wanted).c_str(), to_string(c.in(1).sizes()).c_str(),
                       to_string(source.sizes()).c_str());
  if (source.dtype() != c.in(0).dtype())
    fail<RuntimeError>("%s: expected source of dtype %s like self, got %s", c.op.name, name(c.in(0).dtype()),
                       name(source.dtype()));
  c.output(0, c.in(0).sizes(), c.in(0).dtype());
}

void launch_write(Call& c) {
  const Writing& w = c.attrs<Writing>();
  const Tensor& out = c.outputs[0];
  copy_memory(out, c.in(0));  // both contiguous
  if (c.in(1).numel() == 0) return;
  IndexArgs args;
  IndexFault fault{-1, 0};
  describe(c, args, fault, w.indexing, out, c.in(2), c.in(1));
  switch (w.write) {
    case Write::put: dispatch::index_write(c.device, args); break;
    case Write::add: dispatch::index_add(c.device, args); break;
    default: args.combine = IndexCombine(int(w.write) - int(Write::multiply)); dispatch::index_combine(c.device, args);
  }
  check_fault(c.op.name, fault, w.indexing, out.sizes());
}

Tensor write(const OpRecord& op, const Tensor& array, const Tensor& index, const Tensor& source, const Writing& w) {
  return call(op, {contiguous(array), index, source}, w);
}

void write_gradient(Gradient& g);
void fill_gradient(Gradient& g);
extern const OpRecord scatter_reduce_op;

constexpr OpRecord writing(const char* name, void (*gradient)(Gradient&) = write_gradient) {
  return {.name = name,
          .shape = write_shape,
          .kernel = every_device(launch_write),
          .gradient = gradient,
          .saves = Saves::of(0b010),
          .attributes_bytes = sizeof(Writing)};
}
const OpRecord index_add_op = writing("index_add");
const OpRecord index_copy_op = writing("index_copy");
const OpRecord index_fill_op = writing("index_fill", fill_gradient);
const OpRecord scatter_op = writing("scatter");
const OpRecord scatter_add_op = writing("scatter_add");

void write_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Writing& w = g.attrs<Writing>();
  const Tensor index = g.in(1), grad = g.grad(0);
  const bool rows = w.indexing.kind == Kind::rows;
  if (g.needs(0)) {
    // What was written over no longer counts.
    const Tensor zero = expand(zeros({}, grad.dtype(), grad.device()), values_sizes(w.indexing, grad.sizes(), index));
    g.set(0, w.write == Write::add ? grad : write(rows ? index_fill_op : scatter_op, grad, index, zero, w));
  }
  if (g.needs(2)) {
    const Tensor read_back = read(rows ? index_select_op : gather_op, w.indexing, grad, index);
    const Dims sizes = g.in_sizes(2);
    if (read_back.sizes() == sizes) return g.set(2, read_back);
    // scatter reads only the index's extent of a larger source.
    const Tensor whole = zeros(sizes, grad.dtype(), grad.device());
    copy_(slice_all(whole, Dims::filled(sizes.n, 0), read_back.sizes(), Dims::filled(sizes.n, 1)), read_back);
    g.set(2, whole);
  }
}

// (..., index, ...) <- one value a row: a row that is named several times counts once.
void fill_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Writing& w = g.attrs<Writing>();
  const Tensor index = g.in(1), grad = g.grad(0);
  const Tensor zero = zeros({}, grad.dtype(), grad.device());
  if (g.needs(0))
    g.set(0, write(index_fill_op, grad, index, expand(zero, values_sizes(w.indexing, grad.sizes(), index)), w));
  if (!g.needs(2)) return;
  Indexing row = w.indexing;
  row.dim = 0;
  const Tensor numbers = arange(int64_t(0), index.numel(), int64_t(1), DType::i64, index.device());
  const Tensor none = zeros({grad.size(w.indexing.dim)}, DType::i64, index.device());
  const Tensor last = write(index_copy_op, none, index, numbers, {row, Write::put});
  Dims along = Dims::filled(grad.ndim(), 1);
  along[w.indexing.dim] = index.numel();
  const Tensor counts = reshape(eq(read(index_select_op, row, last, index), numbers), along);
  g.set(2, where(counts, read(index_select_op, w.indexing, grad, index), zero));
}

// Products and extremes: the results at the indices have the slopes of each of their parts.
void combine_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Writing& w = g.attrs<Writing>();
  const Tensor x = g.in(0), index = g.in(1), source = g.in(2), out = g.out(0), grad = g.grad(0);
  const auto at_index = [&](const Tensor& t) { return read(gather_op, w.indexing, t, index); };
  const auto added_up = [&](const Tensor& t, const Tensor& src) {
    return add_into_zeros(w.indexing, t.sizes(), index, to_dtype(src, grad.dtype())) + t;
  };
  if (w.write != Write::multiply) {
    // Whoever is the extreme shares the gradient alike.
    const Tensor own = to_dtype(eq(x, out), grad.dtype()), theirs = to_dtype(eq(source, at_index(out)), grad.dtype());
    const Tensor share = grad / added_up(own, theirs);
    if (g.needs(0)) g.set(0, own * share);
    if (g.needs(2)) g.set(2, theirs * at_index(share));
    return;
  }
  if (g.needs(0)) {
    const Tensor factor = where(eq(x, 0.0), 1.0, x);
    const Tensor others = write(scatter_reduce_op, factor, index, source, w);
    g.set(0, grad * others / factor);
  }
  if (!g.needs(2)) return;
  // A lone zero among the sources of a place has the product of the others as its slope.
  const Tensor is_zero = eq(source, 0.0);
  const Tensor zeros_there = at_index(added_up(zeros(x.sizes(), grad.dtype(), grad.device()), is_zero));
  const Tensor lone = logical_and(is_zero, eq(zeros_there, 1.0));
  const Tensor without = write(scatter_reduce_op, x, index, where(lone, 1.0, source), w);
  g.set(2, where(lone, at_index(grad * without), at_index(grad * out) / where(is_zero, 1.0, source)));
}

constexpr OpRecord combining(const char* name) {
  OpRecord record = writing(name);
  record.gradient = combine_gradient;
  record.saves = Saves::of(0b111, 1);
  return record;
}
const OpRecord scatter_reduce_op = combining("scatter_reduce");

// --- fronts -----------------------------------------------------------------------------------------
Tensor add_into_zeros(const Indexing& x, const Dims& sizes, const Tensor& index, const Tensor& source) {
  Indexing to = x;
  to.sizes = sizes;
  return call(add_into_zeros_op, {index, source}, to);
}

Tensor read(const OpRecord& op, const Indexing& x, const Tensor& array, const Tensor& index) {
  return call(op, {array, index}, x);
}

Tensor as_index(const char* op, const Tensor& index) {
  if (index.dtype() == DType::i64) return index;
  if (index.dtype() != DType::i32 && index.numel() > 0)
    fail<RuntimeError>("%s: expected index of dtype int64 or int32, got %s", op, name(index.dtype()));
  return to_dtype(index, DType::i64);
}

Indexing along(const char* op, Kind kind, const Tensor& x, int64_t dim) {
  return {kind, wrap_dim(op, dim, x.ndim()), false, INT64_MIN, {}};
}

Indexing along_rows(const char* op, const Tensor& x, int64_t dim, const Tensor& index) {
  if (index.ndim() > 1)
    fail<IndexError>("%s(): Index is supposed to be a vector, got shape %s", op, to_string(index.sizes()).c_str());
  return along(op, Kind::rows, x, dim);
}

Indexing along_elements(const char* op, const Tensor& x, int64_t dim, const Tensor& index) {
  const Indexing i = along(op, Kind::elements, x, dim);
  if (index.ndim() != x.ndim() && !(index.numel() == 0) && x.ndim() > 0 && index.ndim() > 0)
    fail<RuntimeError>("%s(): Index tensor must have the same number of dimensions as input tensor, got %d and %d", op,
                       index.ndim(), x.ndim());
  for (int d = 0; d < index.ndim() && d < x.ndim(); ++d)
    if (d != i.dim && index.size(d) > x.size(d))
      fail<RuntimeError>(
          "%s(): Size does not match at dimension %d: expected index %s to be no larger than self %s apart "
          "from dimension %d",
          op, d, to_string(index.sizes()).c_str(), to_string(x.sizes()).c_str(), i.dim);
  return i;
}

}  // namespace

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  const Indexing i = along_rows("index_select", x, dim, index);
  if (x.ndim() == 0) return reshape(index_select(unsqueeze(x, 0), 0, index), {});
  return read(index_select_op, i, x, as_index("index_select", index.ndim() == 0 ? unsqueeze(index, 0) : index));
}

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  const Indexing i = along_rows("index_add", x, dim, index);
  if (x.ndim() == 0 && source.numel() == 1)
    return reshape(index_add(reshape(x, {1}), 0, reshape(index, {-1}), reshape(source, {1})), {});
  return write(index_add_op, x, as_index("index_add", index), source, {i, Write::add});
}

Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  const Indexing i = along_rows("index_copy", x, dim, index);
  if (source.dtype() != x.dtype())
    fail<RuntimeError>(
        "index_copy(): self and source expected to have the same dtype, but got (self) %s and (source) "
        "%s",
        name(x.dtype()), name(source.dtype()));
  const Tensor places = reshape(as_index("index_copy", index), {-1});
  if (x.ndim() == 0) return reshape(index_copy(reshape(x, {1}), 0, places, reshape(source, {-1})), {});
  const Tensor values = source.ndim() == 0 ? reshape(source, Dims::filled(x.ndim(), 1)) : source;
  const Dims wanted = values_sizes(i, x.sizes(), places);
  if (!(values.sizes() == wanted))
    fail<IndexError>(
        "index_copy(): Source/destination tensor must have same slice shapes. Expected a source of shape "
        "%s at dimension %d, got %s",
        to_string(wanted).c_str(), i.dim, to_string(source.sizes()).c_str());
  return write(index_copy_op, x, places, values, {i, Write::put});
}

Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& value) {
  Indexing i = along_rows("index_fill", x, dim, index);
  i.wrap = true;
  if (value.ndim() != 0)
    fail<RuntimeError>("index_fill_ only supports a 0-dimensional value tensor, but got tensor with %d dimension(s).",
                       value.ndim());
  if (index.dtype() != DType::i64)
    fail<IndexError>("index_fill_(): Expected dtype int64 for index, got %s", name(index.dtype()));
  const Tensor places = reshape(index, {-1});
  if (x.ndim() == 0) return reshape(index_fill(reshape(x, {1}), 0, places, value), {});
  Tensor filling = value;
  if (value->wrapped_number) {
    const Scalar number = item(value);
    filling = number.kind == Scalar::floating ? full({}, number.f, x.dtype(), x.device())
                                              : full({}, number.i, x.dtype(), x.device());
  }
  filling = to_dtype(filling, x.dtype());
  return write(index_fill_op, x, places, expand(filling, values_sizes(i, x.sizes(), places)), {i, Write::put});
}

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  return read(gather_op, along_elements("gather", x, dim, index), x, as_index("gather", index));
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  const Indexing i = along_elements("scatter", x, dim, index);
  return write(scatter_op, x, as_index("scatter", index), source, {i, Write::put});
}

Tensor scatter_into_zeros(const Dims& sizes, int64_t dim, const Tensor& index, const Tensor& source) {
  const Indexing i{Kind::elements, wrap_dim("scatter", dim, sizes.n), false, INT64_MIN, {}};
  return add_into_zeros(i, sizes, index, source);
}

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  const Indexing i = along_elements("scatter_add", x, dim, index);
  return write(scatter_add_op, x, as_index("scatter_add", index), source, {i, Write::add});
}

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                      const std::string& reduce, bool include_self) {
  const char* op = "scatter_reduce";
  const Indexing i = along_elements(op, x, dim, index);
  const bool product = reduce == "prod", mean = reduce == "mean", sums = mean || reduce == "sum";
  if (!sums && !product && reduce != "amax" && reduce != "amin")
    fail<RuntimeError>("reduce argument must be either sum, prod, mean, amax or amin, got %s", reduce.c_str());
  const Tensor places = as_index(op, index);
  // Of a source larger than the index, the corner is read.
  Tensor values = source;
  if (index.ndim() == source.ndim())
    for (int d = 0; d < index.ndim(); ++d)
      if (source.size(d) > index.size(d)) values = narrow(values, d, 0, index.size(d));
  const auto filled = [&](double value) { return expand(full({}, value, x.dtype(), x.device()), places.sizes()); };
  const bool largest = reduce == "amax";
  Tensor base = x;
  if (!include_self) {
    double neutral = product;
    if (!sums && !product) neutral = largest ? -__builtin_inf() : __builtin_inf();
    Tensor none = filled(is_floating(x.dtype()) || sums || product ? neutral : 0);
    if (!is_floating(x.dtype()) && !sums && !product)  // an extreme of the values themselves
      none = expand(largest ? amin(values) : amax(values), places.sizes());
    base = write(scatter_op, x, places, none, {i, Write::put});
  }
  if (!sums)
    return write(scatter_reduce_op, base, places, values,
                 {i, product   ? Write::multiply
                     : largest ? Write::max
                               : Write::min});
  const Tensor total = write(scatter_add_op, base, places, values, {i, Write::add});
  if (!mean) return total;
  Tensor count = full(x.sizes(), int64_t(1), x.dtype(), x.device());
  if (!include_self) count = write(scatter_op, count, places, filled(0), {i, Write::put});
  count = write(scatter_add_op, count, places, filled(1), {i, Write::add});
  count = where(eq(count, 0.0), scalar_tensor(1, x.dtype()), count);
  return is_floating(x.dtype()) ? total / count : floor_divide(total, count);
}

Tensor embedding(const Tensor& weight, const Tensor& index, int64_t padding_idx) {
  if (weight.ndim() != 2)
    fail<RuntimeError>("embedding: 'weight' must be 2-D, got shape %s", to_string(weight.sizes()).c_str());
  const int64_t skip = padding_idx < 0 ? INT64_MIN : padding_idx;
  return read(embedding_op, {Kind::rows, 0, false, skip, {}}, weight, as_index("embedding", index));
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value) {
  if (mask.dtype() != DType::bool_)
    fail<RuntimeError>("masked_fill only supports boolean masks, but got mask with dtype %s", name(mask.dtype()));
  if (value.ndim() != 0)
    fail<RuntimeError>("masked_fill only supports a 0-dimensional value tensor, but got tensor with %d dimension(s).",
                       value.ndim());
  if (value->wrapped_number && !fits(item(value), x.dtype()))
    fail<RuntimeError>("masked_fill: value %g cannot be converted to type %s without overflow", item(value).as_double(),
                       name(x.dtype()));
  return where(mask, value->wrapped_number ? scalar_tensor(item(value), x.dtype()) : to_dtype(value, x.dtype()), x);
}

Tensor one_hot(const Tensor& index, int64_t classes) {
  if (index.dtype() != DType::i64)
    fail<RuntimeError>("one_hot is only applicable to index tensor of type int64, got %s", name(index.dtype()));
  const int64_t n = index.numel();
  Dims sizes = index.sizes();
  // A GPU is asked for the number of classes alone: where it is given, scatter finds what is no class.
  if (index.device().type != DeviceType::cpu && n > 0 && classes > 0) {
    sizes.push(classes);
    const Tensor one = full({}, int64_t(1), DType::i64, index.device());
    return view(
        scatter(zeros({n, classes}, DType::i64, index.device()), 1, reshape(index, {n, 1}), expand(one, {n, 1})),
        sizes);
  }
  if (n > 0) {
    if (item(amin(index)).as_int() < 0) fail<RuntimeError>("one_hot: Class values must be non-negative.");
    const int64_t largest = item(amax(index)).as_int();
    if (classes == -1) classes = largest + 1;
    if (largest >= classes)
      fail<RuntimeError>("one_hot: Class values must be smaller than num_classes, got %lld and num_classes %lld",
                         static_cast<long long>(largest), static_cast<long long>(classes));
  } else if (classes <= 0) {
    fail<RuntimeError>("one_hot: Can not infer total number of classes from empty tensor.");
  }
  sizes.push(classes);
  const Tensor row = arange(int64_t(0), n * classes, classes, DType::i64, index.device());
  const Tensor one = expand(full({}, int64_t(1), DType::i64, index.device()), {n});
  return view(scatter_into_zeros({n * classes}, 0, row + reshape(index, {-1}), one), sizes);
}

Records index_records() {
  return {&index_select_op, &embedding_op,  &gather_op,  &add_into_zeros_op, &index_add_op,
          &index_copy_op,   &index_fill_op, &scatter_op, &scatter_add_op,    &scatter_reduce_op};
}

}  // namespace hotloop::ops
