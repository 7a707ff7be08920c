// Arrays in and out: NumPy, the buffer protocol, the array interfaces, DLPack, nested lists.
#pragma once

#include <optional>
#include <string>

#include "bindings/tensor_object.h"
#include "core/gpu.h"
#include "core/scalar.h"

namespace hotloop::bindings {

// A Python or NumPy number as a 0-d tensor that takes part in promotion by category; false for others.
bool number_operand(PyObject* object, Tensor& out);
// A list, array or anything array-like as an index (integers or a bool mask).
Tensor index_tensor(PyObject* object);
// A copy of anything that hotloop.tensor() takes, in the dtype it infers unless one is given.
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);

void bind_interop();

// --- what the type itself carries (tensor_type.cpp) -------------------------------------------------
extern PyBufferProcs tensor_buffer;
int contains(PyObject* self, PyObject* value);
PyObject* array_interface(PyObject* self, void*);
PyObject* cuda_array_interface(PyObject* self, void*);
PyObject* array_priority(PyObject*, void*);

// --- between the interop_*.cpp files ----------------------------------------------------------------

// Memory of somebody else's. `release(owner)` is called once, from any thread, when no tensor needs it.
struct Guest {
  void* data;  // first element
  DType dtype;
  Dims sizes, strides;
  bool read_only = false;
  void* owner;
  Storage::Release release;
  Device device = {};
};
Tensor borrow(const Guest& guest);
void release_object(void* object);  // drops a reference; takes the GIL

// A tensor over the memory of anything array-like: buffers, DLPack, array interfaces. Undefined for objects that are
// none of these; throws, naming `op`, for those whose dtype, byte order or device has no place here. Memory that no
// tensor can view (strides between elements) is copied where may_copy, else refused.
Tensor array_tensor(const char* op, PyObject* object, bool may_copy);
Tensor buffer_tensor(const char* op, PyObject* object, bool may_copy);
Tensor dlpack_tensor(const char* op, PyObject* object, std::optional<bool> copy);
// A stream as DLPack and the array interface number it: 1 is the legacy default stream.
inline pybind11::int_ stream_number(GpuStream stream) {
  return pybind11::int_(stream ? reinterpret_cast<uintptr_t>(stream) : 1);
}
[[noreturn]] void refuse_dtype(const char* op, PyObject* object, const std::string& dtype);

// The value of a one-element tensor as a Python number, and of any tensor as nested lists of them.
PyObject* item_object(const Tensor& t);
PyObject* nested_list(const Tensor& t);

// What is used of NumPy, looked up once when the module is made; never freed.
struct NumPy {
  PyObject *ndarray, *generic, *asarray, *array;
};
extern NumPy numpy;
void load_numpy();
// The category and value of a Python or NumPy number; false for others.
bool number_from(PyObject* object, Scalar& out);

void add_data_rows();
void add_array_rows();
void add_dlpack_rows();
void add_query_rows();
void add_copy_rows();

}  // namespace hotloop::bindings
