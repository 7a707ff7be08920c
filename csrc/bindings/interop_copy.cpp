// copy.copy, copy.deepcopy and pickle. A pickle holds bytes, shape and dtype, rebuilt by one function: no code in it.
#include <cstring>

#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "bindings/types.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

// The tensor's own object again, of the same class and with the same attributes; they are copied by `copy_dict`.
template <class F>
py::object like(const Tensor& original, const Tensor& tensor, F copy_dict) {
  const py::object self = py::reinterpret_steal<py::object>(wrap(original));
  const py::object result = py::reinterpret_steal<py::object>(wrap_as(Py_TYPE(self.ptr()), tensor));
  if (PyObject* dict = reinterpret_cast<TensorObject*>(self.ptr())->dict; dict && PyDict_Size(dict) > 0)
    reinterpret_cast<TensorObject*>(result.ptr())->dict =
        copy_dict(py::reinterpret_borrow<py::object>(dict)).release().ptr();
  return result;
}

py::object copy(const Tensor& t) {
  const Tensor alias = detach(t);
  if (needs_grad(t)) set_requires_grad(alias, true);
  return like(t, alias, [](const py::object& dict) { return owned(PyDict_Copy(dict.ptr())); });
}

py::object deepcopy(const Tensor& t, const py::object& memo) {
  const py::object self = py::reinterpret_steal<py::object>(wrap(t));
  const py::int_ key(reinterpret_cast<uintptr_t>(self.ptr()));
  if (PyObject* known = PyDict_GetItemWithError(memo.ptr(), key.ptr()))
    return py::reinterpret_borrow<py::object>(known);
  if (!is_leaf(t))
    fail<RuntimeError>(
        "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
        "moment; detach() it first.");
  const Tensor clone = ops::clone(detach(t));
  if (t.requires_grad()) set_requires_grad(clone, true);
  if (const Tensor grad = grad_of(t); grad.defined()) set_grad(clone, ops::clone(detach(grad)));
  const py::object result = like(t, clone, [&](const py::object& dict) {
    return owned(PyObject_CallFunctionObjArgs(imported("copy", "deepcopy").ptr(), dict.ptr(), memo.ptr(), nullptr));
  });
  memo[key] = result;
  return result;
}

py::object reduce(const Tensor& t, const py::object&) {
  const Tensor dense = ops::to_device(ops::contiguous(detach(t)), Device{});
  const py::bytes bytes(dense.data<char>(), size_t(dense.numel()) * itemsize(dense.dtype()));
  return owned(Py_BuildValue("N(ONsOs)", imported("hotloop._core", "_rebuild_tensor").release().ptr(), bytes.ptr(),
                             to_python(t.sizes()), name(t.dtype()), needs_grad(t) ? Py_True : Py_False,
                             to_string(t.device()).c_str()));
}

Tensor rebuild(const py::object& bytes, const Dims& shape, const std::string& dtype, bool requires_grad,
               const std::string& device) {
  DType type = DType::bool_;
  while (int(type) < kDTypeCount && name(type) != dtype) type = DType(int(type) + 1);
  if (int(type) == kDTypeCount) fail<ValueError>("_rebuild_tensor(): no dtype is named '%s'", dtype.c_str());
  for (int64_t n : shape)
    if (n < 0) fail<ValueError>("_rebuild_tensor(): negative size in shape %s", to_string(shape).c_str());
  char* data;
  Py_ssize_t length;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &length) < 0) throw PythonError();
  if (numel_of(shape) != int64_t(length) / int64_t(itemsize(type)) || length % Py_ssize_t(itemsize(type)))
    fail<ValueError>("_rebuild_tensor(): %lld bytes can't fill a %s tensor of shape %s", static_cast<long long>(length),
                     dtype.c_str(), to_string(shape).c_str());
  const Tensor host = empty(shape, type);
  if (length) std::memcpy(host.data(), data, size_t(length));
  const Tensor result = ops::to_device(host, parse_device(device));
  if (requires_grad) set_requires_grad(result, true);
  return result;
}

}  // namespace

void add_copy_rows() {
  add_rows({
      HOTLOOP_METHOD("__copy__(self: Tensor) -> Tensor", copy, "copy.copy: shares the memory."),
      HOTLOOP_METHOD("__deepcopy__(self: Tensor, memo: dict[int, Any]) -> Tensor", deepcopy,
                     "copy.deepcopy: memory, gradient and attributes of its own."),
      HOTLOOP_METHOD("__reduce_ex__(self: Tensor, protocol: int) -> tuple[Any, ...]", reduce,
                     "Pickles as bytes, shape and dtype."),
      HOTLOOP_FUNCTION("_rebuild_tensor(data: bytes, shape: tuple[int, ...], dtype: str, requires_grad: bool, "
                       "device: str = 'cpu') -> Tensor",
                       rebuild, "What a pickled tensor is made of again."),
  });
}

void bind_interop() {
  load_numpy();
  add_data_rows();
  add_array_rows();
  add_dlpack_rows();
  add_query_rows();
  add_copy_rows();
}

}  // namespace hotloop::bindings
