#include "core/tensor.h"

#include <cstring>

#include "core/error.h"
#include "core/gpu.h"

namespace hotloop {

namespace {

bool is_contiguous(const Dims& sizes, const Dims& strides) {
  int64_t step = 1;
  for (int i = sizes.n - 1; i >= 0; --i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1) {
      if (strides[i] != step) return false;
      step *= sizes[i];
    }
  }
  return true;
}

}  // namespace

TensorImpl::TensorImpl(Ref<Storage> storage_, char* data_, DType dtype_, const Dims& sizes_, const Dims& strides_)
    : storage(std::move(storage_)),
      data(data_),
      numel(numel_of(sizes_)),
      dtype(dtype_),
      contiguous(is_contiguous(sizes_, strides_)),
      sizes(sizes_),
      strides(strides_) {}

TensorImpl::~TensorImpl() { delete autograd; }

Tensor empty(const Dims& sizes, DType dtype, Device device) {
  const int64_t n = numel_of(sizes);
  int64_t bytes;
  if (__builtin_mul_overflow(n, int64_t(itemsize(dtype)), &bytes))
    fail<OutOfMemory>("a %s tensor of shape %s has more bytes than can be addressed", name(dtype),
                      to_string(sizes).c_str());
  Ref<Storage> storage = make_ref<Storage>(size_t(bytes), device);
  char* data = static_cast<char*>(storage->data());
  return Tensor(make_ref<TensorImpl>(std::move(storage), data, dtype, sizes, contiguous_strides(sizes)));
}

void set_zero(const Tensor& t) {
  const size_t bytes = size_t(t.numel()) * itemsize(t.dtype());
  if (t.device().type == DeviceType::cpu)
    std::memset(t.data(), 0, bytes);
  else
    gpu::fill_bytes(t.data(), 0, bytes, t.device().index);
}

void copy_memory(const Tensor& to, const Tensor& from) {
  const size_t bytes = size_t(to.numel()) * itemsize(to.dtype());
  if (to.device().type == DeviceType::cpu)
    std::memcpy(to.data(), from.data(), bytes);
  else
    gpu::copy_within(to.data(), from.data(), bytes, to.device().index);
}

Tensor make_view(const Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset) {
  char* data = t.data<char>() + offset * int64_t(itemsize(t.dtype()));
  Ref<TensorImpl> view = make_ref<TensorImpl>(t->storage, data, t.dtype(), sizes, strides);
  view->untracked = t->untracked;
  return Tensor(std::move(view));
}

int wrap_dim(const char* op, int64_t dim, int ndim) {
  const int range = ndim > 0 ? ndim : 1;
  if (dim < -range || dim >= range)
    fail<IndexError>("%s: Dimension out of range (expected to be in range of [%d, %d], but got %lld)", op, -range,
                     range - 1, static_cast<long long>(dim));
  return int(dim < 0 ? dim + range : dim);
}

}  // namespace hotloop
