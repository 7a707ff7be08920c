#include "bindings/indexing.h"

#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "core/error.h"
#include "core/inline_vector.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

using ops::IndexItem;

int64_t index_value(PyObject* o) {
  const int64_t v = PyNumber_AsSsize_t(o, PyExc_IndexError);
  if (v == -1 && PyErr_Occurred()) throw PythonError();
  return v;
}

IndexItem item_from(PyObject* o) {
  IndexItem item;
  if (o == Py_None) {
    item.kind = IndexItem::new_axis;
  } else if (o == Py_Ellipsis) {
    item.kind = IndexItem::ellipsis;
  } else if (PyBool_Check(o)) {
    item.kind = IndexItem::tensor;
    item.indices = ops::scalar_tensor(o == Py_True, DType::bool_);
  } else if (PySlice_Check(o)) {
    item.kind = IndexItem::slice;
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(o, &start, &stop, &step) < 0) throw PythonError();
    item.start = start;
    item.stop = stop;
    item.step = step;
  } else if (PyLong_Check(o) || (PyIndex_Check(o) && !PySequence_Check(o) && !is_tensor(o))) {
    item.kind = IndexItem::integer;
    item.start = index_value(o);
  } else {
    Tensor t = is_tensor(o) ? as_tensor(o) : index_tensor(o);
    if (t.dtype() == DType::u8) t = ops::to_dtype(t, DType::bool_);  // a mask, in PyTorch from before it had bool
    item.kind = IndexItem::tensor;
    if (t.ndim() == 0 && is_integral(t.dtype())) {
      item.kind = IndexItem::integer;
      item.start = ops::item(t).as_int();
    } else {
      item.indices = t;
    }
  }
  return item;
}

using Items = InlineVector<IndexItem, 4>;

void add_items(PyObject* key, Items& items) {
  if (!PyTuple_Check(key)) {
    items.emplace(item_from(key));
    return;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i) items.emplace(item_from(PyTuple_GET_ITEM(key, i)));
}

std::span<const IndexItem> span_of(const Items& items) { return {items.begin(), size_t(items.size())}; }

}  // namespace

Tensor get_item(const Tensor& x, PyObject* key) {
  Items items;
  add_items(key, items);
  return ops::index(x, span_of(items));
}

void set_item(const Tensor& x, PyObject* key, PyObject* value) {
  Tensor v;
  Scalar number;
  if (is_tensor(value))
    v = as_tensor(value);
  else
    v = number_from(value, number) ? ops::number(number) : tensor_from_data(value, x.dtype());
  Items items;
  add_items(key, items);
  ops::index_put_(x, span_of(items), v);
}

}  // namespace hotloop::bindings
