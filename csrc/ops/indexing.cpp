// Reading and writing by index tensors. The shape of a result: the dims of x that are not indexed, and in the place
// of the first indexed one (or before all others, where the indexed dims are not side by side) the common shape of
// the index tensors. index is linear in x, index_put in x and values, so each is the other's gradient; neither saves
// anything but the index tensors. Of equal positions index_put keeps the last, or adds them up in order.
#include "ops/indexing.h"

#include "core/error.h"
#include "dispatch/index.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/overlap.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/shape.h"
#include "ops/subscript.h"

namespace hotloop::ops {

namespace {

using ll = long long;

struct Indexed {
  int8_t count = 0;  // of index tensors: the last inputs of the op
  bool accumulate = false;
  Subscript::Place places[kMaxDims];
};

struct Layout {
  Dims common;       // shape of the index tensors together
  Dims sizes;        // of the result
  int first;         // where `common` begins in it
  uint32_t indexed;  // bit d: dim d of x is
};

Dims common_shape(const Tensor* lists, int count) {
  Dims common;
  for (int k = 0; k < count; ++k) {
    const Dims& sizes = lists[k].sizes();
    while (common.n < sizes.n) common.insert(0, 1);
    for (int i = 0; i < sizes.n; ++i) {
      int64_t& n = common[common.n - sizes.n + i];
      if (n == 1) n = sizes[i];
      if (sizes[i] == n || sizes[i] == 1) continue;
      std::string shapes;
      for (int j = 0; j < count; ++j) shapes += (j ? ", " : "") + to_string(lists[j].sizes());
      fail<IndexError>("shape mismatch: indexing tensors could not be broadcast together with shapes %s",
                       shapes.c_str());
    }
  }
  return common;
}

Layout layout_of(const Tensor& x, const Tensor* lists, const Indexed& a) {
  Layout layout;
  layout.common = common_shape(lists, a.count);
  layout.indexed = 0;
  for (int k = 0; k < a.count; ++k) layout.indexed |= 1u << a.places[k].dim;
  const int lowest = __builtin_ctz(layout.indexed);
  const uint32_t run = layout.indexed >> lowest;
  layout.first = (run & (run + 1)) == 0 ? lowest : 0;
  for (int d = 0; d < x.ndim(); ++d)
    if (!(layout.indexed >> d & 1)) layout.sizes.push(x.size(d));
  for (int i = 0; i < layout.common.n; ++i) layout.sizes.insert(layout.first + i, layout.common[i]);
  return layout;
}

// One dim with the one before it, where both sides step through the two as one.
void add_slice_dim(IndexArgs& args, const IndexDim& dim) {
  if (dim.size == 1) return;
  if (args.slice_dims > 0) {
    IndexDim& before = args.slice[args.slice_dims - 1];
    if (before.array_stride == dim.size * dim.array_stride && before.values_stride == dim.size * dim.values_stride) {
      before = {before.size * dim.size, dim.array_stride, dim.values_stride, dim.separate};
      return;
    }
  }
  args.slice[args.slice_dims++] = dim;
}

int64_t first_of(const Tensor& list) { return item(make_view(list, {}, {})).as_int(); }

using Kernel = void (*)(Device, const IndexArgs&);

// Moves between x and `values`, which has the result's shape.
void move(const Call& c, Kernel kernel, const Tensor& x, const Tensor& values, const Tensor* lists, const Indexed& a,
          const Layout& layout) {
  IndexArgs args;
  args.dtype = x.dtype();
  args.array = x.data();
  args.values = values.data();
  args.skip = INT64_MIN;
  args.index_dims = args.slice_dims = 0;
  args.tensor_count = a.count;
  for (int k = 0; k < a.count; ++k) {
    const int dim = a.places[k].dim;
    args.tensors[k] = {lists[k].data<int64_t>(), {}, x.size(dim), x.stride(dim), true, int(a.places[k].named)};
    if (x.size(dim) == 0 && lists[k].numel() > 0)  // refused also where no element is moved
      fail<IndexError>("index %lld is out of bounds for dimension %d with size 0", ll(first_of(lists[k])),
                       int(a.places[k].named));
  }
  const auto add_common = [&] {
    for (int i = 0; i < layout.common.n; ++i) {
      const int d = args.index_dims++;
      args.index[d] = {layout.common[i], 0, values.stride(layout.first + i), false};
      for (int k = 0; k < a.count; ++k) {
        const int own = i - (layout.common.n - lists[k].ndim());
        args.tensors[k].strides[d] = own < 0 || lists[k].size(own) == 1 ? 0 : lists[k].stride(own);
      }
    }
  };
  // The dims before the indexed ones are positions too, which never meet; those after are slices.
  int at = 0;
  for (int d = 0; d < x.ndim(); ++d) {
    if (at == layout.first) {
      add_common();
      at += layout.common.n;
    }
    if (layout.indexed >> d & 1) continue;
    const IndexDim dim{x.size(d), x.stride(d), values.stride(at++), true};
    if (at <= layout.first)
      args.index[args.index_dims++] = dim;
    else
      add_slice_dim(args, dim);
  }
  IndexFault fault{-1, 0};
  args.fault = &fault;
  args.op = c.op.name;
  args.gpu_fault = fault_slot(c.device);
  kernel(x.device(), args);
  if (fault.tensor >= 0)
    fail<IndexError>("index %lld is out of bounds for dimension %d with size %lld", ll(fault.value),
                     int(a.places[fault.tensor].named), ll(args.tensors[fault.tensor].size));
}

Tensor take(const Tensor& x, const Tensor* lists, const Indexed& a);
void put_(const Tensor& x, const Tensor& values, const Tensor* lists, const Indexed& a);

// take, but zero at all but the last of equal positions: those are the values that a write has left standing.
Tensor take_last(const Tensor& x, const Tensor* lists, const Indexed& a) {
  const Tensor taken = take(x, lists, a);
  const Tensor numbers = reshape(arange(int64_t(0), taken.numel(), int64_t(1), DType::i64, x.device()), taken.sizes());
  const Tensor standing = empty(x.sizes(), DType::i64, x.device());
  put_(standing, numbers, lists, a);
  return where(eq(take(standing, lists, a), numbers), taken, 0.0);
}

// The saved index tensors, inputs `from` and after.
struct Lists {
  Tensor lists[kMaxDims];
  Lists(Gradient& g, int from) {
    for (int i = from; i < g.n_inputs(); ++i) lists[i - from] = g.in(i);
  }
};

// (x, lists...) -> result
const OpRecord index_op{
    .name = "index",
    .shape = [](Call& c) { c.output(0, layout_of(c.in(0), c.inputs + 1, c.attrs<Indexed>()).sizes, c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      const auto& a = c.attrs<Indexed>();
      const Tensor* lists = c.inputs + 1;
      move(c, dispatch::index_read, c.in(0), c.outputs[0], lists, a, layout_of(c.in(0), lists, a));
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Lists saved(g, 1);
          Indexed a = g.attrs<Indexed>();
          a.accumulate = true;
          // Sums of 16-bit floats are taken in f32.
          const DType dtype = itemsize(g.grad(0).dtype()) == 2 ? DType::f32 : g.grad(0).dtype();
          const Tensor back = zeros(g.in_sizes(0), dtype, g.grad(0).device());
          put_(back, to_dtype(g.grad(0), dtype), saved.lists, a);
          g.set(0, back);
        },
    .saves = Saves::of(~1u),
    .cost =
        [](const Call& c) {
          double bytes = 2.0 * double(c.outputs[0].numel()) * double(itemsize(c.outputs[0].dtype()));
          for (int i = 1; i < c.n_inputs; ++i) bytes += 8.0 * double(c.in(i).numel());
          return Cost{0, bytes};
        },
    .attributes_bytes = sizeof(Indexed)};

// (x, values, lists...): writes x
const OpRecord index_put_op{
    .name = "index_put",
    .shape =
        [](Call& c) {
          const Tensor& x = c.in(0);
          const Tensor& values = c.in(1);
          const Dims sizes = layout_of(x, c.inputs + 2, c.attrs<Indexed>()).sizes;
          bool fits = values.ndim() <= sizes.n;
          for (int i = 1; fits && i <= values.ndim(); ++i) {
            const int64_t n = values.size(values.ndim() - i);
            fits = n == 1 || n == sizes[sizes.n - i];
          }
          if (!fits)
            fail<RuntimeError>(
                "shape mismatch: value tensor of shape %s cannot be broadcast to indexing result of shape %s",
                to_string(values.sizes()).c_str(), to_string(sizes).c_str());
          if (values.dtype() != x.dtype())
            fail<RuntimeError>(
                "Index put requires the source and destination dtypes match, got %s for the destination and "
                "%s for the source.",
                name(x.dtype()), name(values.dtype()));
          c.output(0, x.sizes(), x.dtype());
        },
    .kernel = every_device([](Call& c) {
      const auto& a = c.attrs<Indexed>();
      const Tensor* lists = c.inputs + 2;
      const Layout layout = layout_of(c.in(0), lists, a);
      const int lead = layout.sizes.n - c.in(1).ndim();
      Tensor values = c.in(1);
      Dims strides = Dims::filled(layout.sizes.n, 0);
      for (int d = lead; d < layout.sizes.n; ++d)
        if (values.size(d - lead) != 1) strides[d] = values.stride(d - lead);
      values = make_view(values, layout.sizes, strides);
      if (values->storage == c.in(0)->storage) {  // may be what is written over
        const Tensor own = empty(layout.sizes, values.dtype(), values.device());
        copy_(own, values);
        values = own;
      }
      move(c, a.accumulate ? dispatch::index_add : dispatch::index_write, c.outputs[0], values, lists, a, layout);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Lists saved(g, 2);
          const auto& a = g.attrs<Indexed>();
          if (g.needs(0)) {
            Tensor through = g.grad(0);
            if (!a.accumulate) {
              through = clone(through);
              put_(through, zeros({}, through.dtype(), through.device()), saved.lists, a);
            }
            g.set(0, through);
          }
          if (g.needs(1))
            g.set(1, a.accumulate ? take(g.grad(0), saved.lists, a) : take_last(g.grad(0), saved.lists, a));
        },
    .saves = Saves::of(~3u),
    .cost =
        [](const Call& c) {
          const Dims sizes = layout_of(c.in(0), c.inputs + 2, c.attrs<Indexed>()).sizes;
          return Cost{0, 3.0 * double(numel_of(sizes)) * double(itemsize(c.in(0).dtype()))};
        },
    .attributes_bytes = sizeof(Indexed)};

Tensor take(const Tensor& x, const Tensor* lists, const Indexed& a) {
  Tensor inputs[1 + kMaxDims];
  inputs[0] = x;
  for (int k = 0; k < a.count; ++k) inputs[1 + k] = lists[k];
  Call c{index_op, inputs, 1 + a.count, &a};
  run(c);
  return std::move(c.outputs[0]);
}

void put_(const Tensor& x, const Tensor& values, const Tensor* lists, const Indexed& a) {
  Tensor inputs[2 + kMaxDims];
  inputs[0] = x;
  inputs[1] = values;
  for (int k = 0; k < a.count; ++k) inputs[2 + k] = lists[k];
  Call c{index_put_op, inputs, 2 + a.count, &a};
  c.outputs[0] = x;
  c.in_place = true;
  run(c);
}

Indexed indexed_of(const Subscript& s, bool accumulate) {
  Indexed a;
  a.count = int8_t(s.lists.size());
  a.accumulate = accumulate;
  for (int k = 0; k < a.count; ++k) a.places[k] = s.places[k];
  return a;
}

// Leading dims of size 1 beyond the target's do no harm, as in PyTorch.
Tensor without_leading_ones(const Tensor& value, int ndim) {
  int drop = 0;
  while (value.ndim() - drop > ndim && value.size(drop) == 1) ++drop;
  if (drop == 0) return value;
  Dims sizes;
  for (int d = drop; d < value.ndim(); ++d) sizes.push(value.size(d));
  return reshape(value, sizes);
}

void assign(const Tensor& shown, const Tensor& value) {
  check_own_elements("index_put_", shown);
  check_sharing("index_put_", shown, value, Sharing::broadcast);
  if (value->wrapped_number) {
    const Scalar number = item(value);
    if (number.kind == Scalar::floating) return fill_(shown, number.f);
    return fill_(shown, number.i);
  }
  copy_(shown, expand(without_leading_ones(value, shown.ndim()), shown.sizes()));
}

// A lone mask over the leading dims of contiguous memory indexes them as one: its positions need no coordinates.
bool flattens(const Tensor& x, std::span<const IndexItem> items) {
  if (items.size() != 1 || items[0].kind != IndexItem::tensor || !x.is_contiguous()) return false;
  const Tensor& mask = items[0].indices;
  if (mask.dtype() != DType::bool_ || mask.ndim() < 2 || mask.ndim() > x.ndim()) return false;
  for (int d = 0; d < mask.ndim(); ++d)
    if (mask.size(d) != x.size(d)) return false;
  return true;
}

Tensor flat(const Tensor& x, std::span<const IndexItem> items, IndexItem& item) {
  item = items[0];
  item.indices = reshape(item.indices, {-1});
  return flatten(x, 0, items[0].indices.ndim() - 1);
}

bool only_masks(std::span<const IndexItem> items) {
  for (const IndexItem& item : items)
    if (item.kind == IndexItem::tensor && item.indices.dtype() != DType::bool_) return false;
  return true;
}

void write(const Tensor& x, std::span<const IndexItem> items, const Tensor& value, bool accumulate) {
  if (flattens(x, items)) {
    IndexItem item;
    const Tensor rows = flat(x, items, item);
    return write(rows, {&item, 1}, value, accumulate);
  }
  const Subscript s(x, items);
  const Tensor shown = s.whole ? x : basic_view(x, s.basic);
  const Indexed a = indexed_of(s, accumulate);
  if (a.count == 0) {
    if (accumulate) return add_(shown, expand(value, shown.sizes()));
    return assign(shown, value);
  }
  Tensor from = value->wrapped_number ? to_dtype(value, x.dtype()) : value;
  from = without_leading_ones(from, layout_of(shown, s.lists.begin(), a).sizes.n);
  const bool one_where_masked = from.numel() == 1 && !accumulate && only_masks(items);
  if (!one_where_masked) check_sharing("index_put_", shown, from, Sharing::none);
  for (const Tensor& list : s.lists) check_sharing("index_put_", shown, list, Sharing::none);
  put_(shown, from, s.lists.begin(), a);
}

std::vector<IndexItem> items_of(const std::vector<Tensor>& indices) {
  std::vector<IndexItem> items;
  for (const Tensor& t : indices) {
    IndexItem item;
    item.kind = IndexItem::slice;
    item.stop = INT64_MAX;
    if (t.defined()) {
      item.kind = IndexItem::tensor;
      item.indices = t;
    }
    items.push_back(item);
  }
  return items;
}

}  // namespace

Tensor index(const Tensor& x, std::span<const IndexItem> items) {
  if (items.size() == 1 && items[0].kind == IndexItem::tensor && items[0].indices.dtype() == DType::bool_ &&
      x.ndim() > 0 && items[0].indices.sizes() == x.sizes())
    return masked_select(x, items[0].indices);
  if (flattens(x, items)) {
    IndexItem item;
    const Tensor rows = flat(x, items, item);
    return index(rows, {&item, 1});
  }
  const Subscript s(x, items);
  if (s.lists.empty()) return basic_view(x, s.basic);
  return take(s.whole ? x : basic_view(x, s.basic), s.lists.begin(), indexed_of(s, false));
}

void index_put_(const Tensor& x, std::span<const IndexItem> items, const Tensor& value) {
  write(x, items, value, false);
}

void index_put_(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate) {
  write(x, items_of(indices), values, accumulate);
}

Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate) {
  const Tensor result = clone(x);
  index_put_(result, indices, values, accumulate);
  return result;
}

Records indexing_records() { return {&index_op, &index_put_op}; }

}  // namespace hotloop::ops
