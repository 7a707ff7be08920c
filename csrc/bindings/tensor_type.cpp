// The Tensor type: number protocol, indexing, properties. Methods come from the op tables.
#include "bindings/arguments.h"
#include "bindings/autograd_types.h"
#include "bindings/indexing.h"
#include "bindings/interop.h"
#include "bindings/types.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::bindings {

PyTypeObject tensor_type = {PyVarObject_HEAD_INIT(nullptr, 0)};

PyObject* wrap_as(PyTypeObject* type, const Tensor& tensor) {
  auto* self = reinterpret_cast<TensorObject*>(type->tp_alloc(type, 0));
  if (!self) throw py::error_already_set();
  new (&self->tensor) Tensor(tensor);
  tensor->object = self;
  return reinterpret_cast<PyObject*>(self);
}

PyObject* wrap(const Tensor& tensor) {
  if (!tensor.defined()) Py_RETURN_NONE;
  if (tensor->object) {
    auto* object = static_cast<PyObject*>(tensor->object);
    Py_INCREF(object);
    return object;
  }
  return wrap_as(&tensor_type, tensor);
}

namespace {

void dealloc(PyObject* object) {
  auto* self = reinterpret_cast<TensorObject*>(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  Py_CLEAR(self->dict);
  if (self->tensor.defined()) self->tensor->object = nullptr;
  self->tensor.~Tensor();
  Py_TYPE(object)->tp_free(object);
}

// Runs f with C++ exceptions turned into Python's.
template <class F>
PyObject* guarded(F f) noexcept {
  try {
    HoldsHostLock held;
    return f();
  } catch (...) {
    return translate_exception();
  }
}

template <class F>
int guarded_int(F f) noexcept {
  try {
    HoldsHostLock held;
    f();
    return 0;
  } catch (...) {
    translate_exception();
    return -1;
  }
}

// An operand of a product: a tensor, or a NumPy array as one; false for anything else.
bool array_operand(PyObject* object, Tensor& out) {
  if (is_tensor(object))
    out = as_tensor(object);
  else if (PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(numpy.ndarray)))
    out = array_tensor("an operator", object, true);
  else
    return false;
  return true;
}

// An operand of any other operator: a number, too.
bool operand(PyObject* object, Tensor& out) {
  if (is_tensor(object)) {
    out = as_tensor(object);
    return true;
  }
  return number_operand(object, out) || array_operand(object, out);
}

template <class F>
PyObject* binary_operator(PyObject* a, PyObject* b, F op) {
  return guarded([&]() -> PyObject* {
    if (is_tensor(a) && is_tensor(b)) return wrap(op(as_tensor(a), as_tensor(b)));
    Tensor x, y;
    if (!operand(a, x) || !operand(b, y)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(op(x, y));
  });
}

template <class F>
PyObject* in_place_operator(const char* name, PyObject* a, PyObject* b, F op) {
  return guarded([&]() -> PyObject* {
    Tensor y;
    if (!operand(b, y)) Py_RETURN_NOTIMPLEMENTED;
    ops::check_sharing(name, as_tensor(a), y, ops::Sharing::elementwise);
    op(as_tensor(a), y);
    Py_INCREF(a);
    return a;
  });
}

// Rows of the pointwise table, without their scalars.
template <Tensor (*op)(const Tensor&, const Tensor&, double, double)>
PyObject* binary(PyObject* a, PyObject* b) {
  return binary_operator(a, b, [](const Tensor& x, const Tensor& y) { return op(x, y, 0, 0); });
}

// `symbol`: the operator's, before its `=`.
template <void (*op)(const Tensor&, const Tensor&, double, double), char... symbol>
PyObject* in_place(PyObject* a, PyObject* b) {
  static constexpr char kName[] = {symbol..., '=', 0};
  return in_place_operator(kName, a, b, [](const Tensor& x, const Tensor& y) { op(x, y, 0, 0); });
}

template <Tensor (*op)(const Tensor&, double, double)>
PyObject* unary(PyObject* a) {
  return guarded([&] { return wrap(op(as_tensor(a), 0, 0)); });
}

PyObject* positive(PyObject* a) {
  return guarded([&] { return wrap(ops::view_as_base(as_tensor(a))); });
}

PyObject* matrix_product(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (is_tensor(a) && is_tensor(b)) return wrap(ops::matmul(as_tensor(a), as_tensor(b)));
    Tensor x, y;
    if (!array_operand(a, x) || !array_operand(b, y)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(ops::matmul(x, y));
  });
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary_operator(a, b, ops::power);
}

PyObject* power_in_place(PyObject* a, PyObject* b, PyObject*) { return in_place_operator("**=", a, b, ops::power_); }

int truth(PyObject* a) {
  int result = -1;
  guarded_int([&] {
    const Tensor& t = as_tensor(a);
    if (t.numel() != 1)
      fail<RuntimeError>("Boolean value of Tensor with %s value%s is ambiguous",
                         t.numel() == 0 ? "no" : "more than one", t.numel() == 0 ? "s" : "");
    result = ops::item(t).as_double() != 0;
  });
  return result;
}

Scalar item_of(PyObject* a) {
  const Tensor& t = as_tensor(a);
  if (t.numel() != 1)
    fail<RuntimeError>("a Tensor with %lld elements cannot be converted to Scalar", static_cast<long long>(t.numel()));
  return ops::item(t);
}

PyObject* to_float(PyObject* a) {
  return guarded([&] { return PyFloat_FromDouble(item_of(a).as_double()); });
}

PyObject* to_int(PyObject* a) {
  return guarded([&] {
    const Scalar s = item_of(a);
    return s.kind == Scalar::floating ? PyLong_FromDouble(s.f) : PyLong_FromLongLong(s.i);
  });
}

PyObject* to_index(PyObject* a) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = as_tensor(a);
    if (t.numel() != 1 || is_floating(t.dtype()))
      fail<TypeError>("only integer tensors of a single element can be converted to an index");
    return PyLong_FromLongLong(ops::item(t).as_int());
  });
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_EQ: return binary<ops::eq>(a, b);
    case Py_NE: return binary<ops::ne>(a, b);
    case Py_LT: return binary<ops::lt>(a, b);
    case Py_LE: return binary<ops::le>(a, b);
    case Py_GT: return binary<ops::gt>(a, b);
    default: return binary<ops::ge>(a, b);
  }
}

Py_hash_t hash(PyObject* a) { return Py_hash_t(reinterpret_cast<size_t>(a) >> 4); }

Py_ssize_t length(PyObject* a) {
  Py_ssize_t n = -1;
  guarded_int([&] {
    const Tensor& t = as_tensor(a);
    if (t.ndim() == 0) fail<TypeError>("len() of a 0-d tensor");
    n = Py_ssize_t(t.size(0));
  });
  return n;
}

PyObject* subscript(PyObject* a, PyObject* key) {
  return guarded([&] { return wrap(get_item(as_tensor(a), key)); });
}

int assign_subscript(PyObject* a, PyObject* key, PyObject* value) {
  return guarded_int([&] {
    if (!value) fail<TypeError>("Tensor does not support deleting items");
    set_item(as_tensor(a), key, value);
  });
}

PyObject* iterate(PyObject* a) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = as_tensor(a);
    if (t.ndim() == 0) fail<TypeError>("iteration over a 0-d tensor");
    const py::object parts = py::reinterpret_steal<py::object>(to_python(ops::unbind(t, 0)));
    return PyObject_GetIter(parts.ptr());
  });
}

PyObject* repr(PyObject* a) {
  return guarded([&] { return PyObject_CallOneArg(imported("hotloop._print", "tensor_repr").ptr(), a); });
}

// --- properties -------------------------------------------------------------------------------------
template <auto f>
PyObject* get(PyObject* self, void*) {
  return guarded([&] { return to_python(f(as_tensor(self))); });
}

PyObject* get_grad_fn(PyObject* self, void*) {
  return guarded([&] { return wrap_grad_fn(as_tensor(self)); });
}

int set_requires_grad_property(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    if (!value || !PyBool_Check(value)) fail<TypeError>("requires_grad must be a bool");
    set_requires_grad(as_tensor(self), value == Py_True);
  });
}

int set_grad_property(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    if (!value || value == Py_None) return set_grad(as_tensor(self), Tensor());
    if (!is_tensor(value))
      fail<TypeError>("assigned grad expected to be a Tensor or None but got %s", Py_TYPE(value)->tp_name);
    set_grad(as_tensor(self), as_tensor(value));
  });
}

Tensor data_of(const Tensor& t) {
  Tensor data = detach(t);
  data->untracked = true;
  return data;
}

int set_data_property(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    if (!value || !is_tensor(value)) fail<TypeError>("data must be a Tensor");
    const Tensor& from = as_tensor(value);
    const Tensor& t = as_tensor(self);
    if (t->requires_grad && !is_floating(from.dtype()))
      fail<RuntimeError>("data set to a tensor that requires gradients must be floating point dtype, got %s",
                         name(from.dtype()));
    t->base = Ref<TensorImpl>();
    t->storage = from->storage;
    t->data = from->data;
    t->dtype = from->dtype;
    t->sizes = from->sizes;
    t->strides = from->strides;
    t->numel = from->numel;
    t->contiguous = from->contiguous;
  });
}

PyGetSetDef properties[] = {
    {"shape", get<+[](const Tensor& t) { return t.sizes(); }>, nullptr, "sizes of the dimensions, a tuple", nullptr},
    {"dtype", get<+[](const Tensor& t) { return t.dtype(); }>, nullptr, "type of the elements", nullptr},
    {"device", get<+[](const Tensor& t) { return t.device(); }>, nullptr, "where the memory is", nullptr},
    {"layout", get<+[](const Tensor&) { return strided_layout(); }>, nullptr, "how the elements lie: hotloop.strided",
     nullptr},
    {"ndim", get<+[](const Tensor& t) { return int64_t(t.ndim()); }>, nullptr, "number of dimensions", nullptr},
    {"itemsize", get<+[](const Tensor& t) { return int64_t(itemsize(t.dtype())); }>, nullptr, "bytes of one element",
     nullptr},
    {"nbytes", get<+[](const Tensor& t) { return t.numel() * int64_t(itemsize(t.dtype())); }>, nullptr,
     "bytes of all elements", nullptr},
    {"requires_grad", get<+[](const Tensor& t) { return needs_grad(t); }>, set_requires_grad_property,
     "whether gradients are collected for this tensor", nullptr},
    {"is_leaf", get<+[](const Tensor& t) { return !grad_fn(t); }>, nullptr,
     "whether the user made this tensor rather than a recorded op", nullptr},
    {"grad", get<+[](const Tensor& t) { return grad_of(t); }>, set_grad_property,
     "the gradient that backward() has added up, or None", nullptr},
    {"grad_fn", get_grad_fn, nullptr, "the graph's node that made this tensor, or None", nullptr},
    {"retains_grad", get<+[](const Tensor& t) { return tape_meta(t.impl()) && tape_meta(t.impl())->retains_grad; }>,
     nullptr, "whether this non-leaf tensor keeps its gradient", nullptr},
    {"_version", get<+[](const Tensor& t) { return int64_t(t->storage->version()); }>, nullptr,
     "how often the memory was written to in place", nullptr},
    {"data", get<data_of>, set_data_property, "the values without history; writes through it go unnoticed by autograd",
     nullptr},
    {"T", get<+[](const Tensor& t) {
       Dims order;
       for (int i = t.ndim() - 1; i >= 0; --i) order.push(i);
       return ops::permute(t, order);
     }>,
     nullptr, "all dimensions in reverse order", nullptr},
    {"mT", get<ops::matrix_transpose>, nullptr, "the last two dimensions swapped", nullptr},
    {"mH", get<ops::matrix_transpose>, nullptr, "the last two dimensions swapped, as a real matrix's adjoint has them",
     nullptr},
    {"H", get<+[](const Tensor& t) {
       if (t.ndim() != 0 && t.ndim() != 2)
         fail<RuntimeError>("tensor.H is only supported on matrices (2-D tensors). Got %d-D tensor.", t.ndim());
       return t.ndim() ? ops::matrix_transpose(t) : ops::view_as_base(t);
     }>,
     nullptr, "a real matrix's adjoint: its transpose", nullptr},
    {"is_cpu", get<+[](const Tensor& t) { return t.device().type == DeviceType::cpu; }>, nullptr,
     "whether the memory is the CPU's", nullptr},
    {"is_cuda", get<+[](const Tensor& t) { return t.device().type == DeviceType::cuda; }>, nullptr,
     "whether the memory is a GPU's", nullptr},
    {"__array_interface__", array_interface, nullptr, "NumPy's array interface, version 3", nullptr},
    {"__cuda_array_interface__", cuda_array_interface, nullptr, "CUDA's array interface, version 3", nullptr},
    {"__array_priority__", array_priority, nullptr, "NumPy's operators give way to the tensor's", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};

PyNumberMethods numbers = {};
PyMappingMethods mapping = {length, subscript, assign_subscript};
PySequenceMethods sequence = {};

PyObject* refuse_new(PyTypeObject*, PyObject*, PyObject*) {
  PyErr_SetString(PyExc_TypeError,
                  "Tensor() takes no data: use hotloop.tensor(data), hotloop.from_numpy(array) or "
                  "hotloop.empty(shape)");
  return nullptr;
}

}  // namespace

void bind_tensor_type(py::handle module) {
  numbers.nb_add = binary<ops::add>;
  numbers.nb_subtract = binary<ops::sub>;
  numbers.nb_multiply = binary<ops::mul>;
  numbers.nb_true_divide = binary<ops::div>;
  numbers.nb_floor_divide = binary<ops::floor_divide>;
  numbers.nb_remainder = binary<ops::remainder>;
  numbers.nb_power = power;
  numbers.nb_matrix_multiply = matrix_product;
  numbers.nb_lshift = binary<ops::bitwise_left_shift>;
  numbers.nb_rshift = binary<ops::bitwise_right_shift>;
  numbers.nb_and = binary<ops::bitwise_and>;
  numbers.nb_or = binary<ops::bitwise_or>;
  numbers.nb_xor = binary<ops::bitwise_xor>;
  numbers.nb_inplace_add = in_place<ops::add_, '+'>;
  numbers.nb_inplace_subtract = in_place<ops::sub_, '-'>;
  numbers.nb_inplace_multiply = in_place<ops::mul_, '*'>;
  numbers.nb_inplace_true_divide = in_place<ops::div_, '/'>;
  numbers.nb_inplace_floor_divide = in_place<ops::floor_divide_, '/', '/'>;
  numbers.nb_inplace_remainder = in_place<ops::remainder_, '%'>;
  numbers.nb_inplace_power = power_in_place;
  numbers.nb_inplace_lshift = in_place<ops::bitwise_left_shift_, '<', '<'>;
  numbers.nb_inplace_rshift = in_place<ops::bitwise_right_shift_, '>', '>'>;
  numbers.nb_inplace_and = in_place<ops::bitwise_and_, '&'>;
  numbers.nb_inplace_or = in_place<ops::bitwise_or_, '|'>;
  numbers.nb_inplace_xor = in_place<ops::bitwise_xor_, '^'>;
  numbers.nb_negative = unary<ops::neg>;
  numbers.nb_positive = positive;
  numbers.nb_absolute = unary<ops::abs>;
  numbers.nb_invert = unary<ops::bitwise_not>;
  numbers.nb_bool = truth;
  numbers.nb_float = to_float;
  numbers.nb_int = to_int;
  numbers.nb_index = to_index;

  sequence.sq_contains = contains;

  static std::vector<PyMethodDef> methods;
  for (const Row& row : rows())
    if (row.method.ml_name) methods.push_back(row.method);
  methods.push_back({});

  PyTypeObject& type = tensor_type;
  type.tp_name = "hotloop.Tensor";
  type.tp_basicsize = sizeof(TensorObject);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  type.tp_doc = "A strided array of one dtype on one device, with a gradient where asked for.";
  type.tp_dealloc = dealloc;
  type.tp_new = refuse_new;
  type.tp_as_number = &numbers;
  type.tp_as_mapping = &mapping;
  type.tp_as_sequence = &sequence;
  type.tp_as_buffer = &tensor_buffer;
  type.tp_richcompare = compare;
  type.tp_hash = hash;
  type.tp_iter = iterate;
  type.tp_repr = repr;
  type.tp_getset = properties;
  type.tp_methods = methods.data();
  type.tp_dictoffset = offsetof(TensorObject, dict);
  type.tp_weaklistoffset = offsetof(TensorObject, weak_references);
  if (PyType_Ready(&type) < 0) throw py::error_already_set();
  Py_INCREF(&type);
  if (PyModule_AddObject(module.ptr(), "Tensor", reinterpret_cast<PyObject*>(&type)) < 0) throw py::error_already_set();
}

}  // namespace hotloop::bindings
