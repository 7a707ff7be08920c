// A tensor: a strided view of a storage. Tensor is a counted handle; copies share the view.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.h"
#include "core/dims.h"
#include "core/dtype.h"
#include "core/ref.h"
#include "core/storage.h"

namespace hotloop {

// What the tape keeps with a tensor (csrc/autograd); core only owns it.
struct AutogradMeta {
  virtual ~AutogradMeta() = default;
};

class TensorImpl final : public RefCounted {
 public:
  TensorImpl(Ref<Storage> storage, char* data, DType dtype, const Dims& sizes, const Dims& strides);
  ~TensorImpl() override;

  Ref<Storage> storage;
  char* data;  // first element; inside the storage
  int64_t numel;
  DType dtype;
  bool contiguous;
  bool requires_grad = false;   // a leaf that collects a gradient, or a result of one
  bool inference = false;       // made in inference mode: never part of a graph
  bool untracked = false;       // `.data`: in-place writes through it don't count as spoiling
  bool no_grad_view = false;    // a view made while gradients weren't recorded, of a tensor that has one
  bool one_of_several = false;  // a view that split, chunk or unbind made, or a view of one
  bool function_alias = false;  // what a custom Function returned in the memory of one of its inputs
  bool wrapped_number = false;  // made from a Python number: takes part in promotion by category only
  Dims sizes;
  Dims strides;  // in elements
  AutogradMeta* autograd = nullptr;
  Ref<TensorImpl> base;    // of a differentiable view: the tensor whose memory it shows
  void* object = nullptr;  // the host language's object for this tensor while one is alive
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return bool(impl_); }
  explicit operator bool() const { return defined(); }
  TensorImpl* impl() const { return impl_.get(); }
  TensorImpl* operator->() const { return impl_.get(); }
  bool same(const Tensor& other) const { return impl_.get() == other.impl_.get(); }

  DType dtype() const { return impl_->dtype; }
  Device device() const { return impl_->storage->device(); }
  int ndim() const { return impl_->sizes.n; }
  int64_t numel() const { return impl_->numel; }
  const Dims& sizes() const { return impl_->sizes; }
  const Dims& strides() const { return impl_->strides; }
  int64_t size(int dim) const { return impl_->sizes[dim]; }  // dim >= 0
  int64_t stride(int dim) const { return impl_->strides[dim]; }
  bool is_contiguous() const { return impl_->contiguous; }
  bool requires_grad() const { return impl_->requires_grad; }
  template <class T = void>
  T* data() const {
    return reinterpret_cast<T*>(impl_->data);
  }

 private:
  Ref<TensorImpl> impl_;
};

// Uninitialised contiguous memory.
Tensor empty(const Dims& sizes, DType dtype, Device device = {});
// Whole contiguous memory, on whichever device: zeros, or the bytes of a tensor of the same dtype and number.
void set_zero(const Tensor& t);
void copy_memory(const Tensor& to, const Tensor& from);
// Another view of the same storage; `offset` in elements from t's first.
Tensor make_view(const Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset = 0);

// Wraps -ndim <= dim < ndim; throws IndexError naming op otherwise (a 0-d tensor accepts -1 and 0).
int wrap_dim(const char* op, int64_t dim, int ndim);

}  // namespace hotloop
