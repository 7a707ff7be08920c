// Type promotion and numbers as operands.
#include <atomic>

#include "core/error.h"
#include "core/gpu.h"
#include "core/half.h"
#include "ops/pointwise.h"

namespace hotloop::ops {

namespace {

std::atomic<DType> default_floating{DType::f32};

enum Category { none = -1, boolean, integer, floating };

Category category(DType d) { return is_floating(d) ? floating : d == DType::bool_ ? boolean : integer; }

// What one group of operands (tensors with dims, 0-d tensors, numbers) comes to.
struct Group {
  bool any = false;
  DType dtype = DType::bool_;
  void add(DType d) {
    dtype = any ? promote(dtype, d) : d;
    any = true;
  }
};

Group combine(Group higher, Group lower) {
  if (!higher.any) return lower;
  if (lower.any && category(lower.dtype) > category(higher.dtype)) higher.add(lower.dtype);
  return higher;
}

}  // namespace

DType default_dtype() { return default_floating.load(std::memory_order_relaxed); }

void set_default_dtype(DType dtype) {
  if (!is_floating(dtype))
    fail<TypeError>("set_default_dtype: only floating-point types are supported as the default type, got %s",
                    name(dtype));
  default_floating.store(dtype);
}

DType result_type(std::initializer_list<const Tensor*> operands) {
  Group with_dims, zero_dim, numbers;
  for (const Tensor* t : operands) {
    if (!t->defined()) continue;
    if ((*t)->wrapped_number)
      numbers.add(is_floating(t->dtype()) ? default_dtype() : t->dtype());
    else if (t->ndim() == 0)
      zero_dim.add(t->dtype());
    else
      with_dims.add(t->dtype());
  }
  return combine(with_dims, combine(zero_dim, numbers)).dtype;
}

Tensor scalar_tensor(Scalar value, DType dtype) {
  Tensor t = empty({}, dtype);
  void* p = t.data();
  switch (dtype) {
    case DType::bool_: *static_cast<bool*>(p) = value.as_double() != 0; break;
    case DType::u8: *static_cast<uint8_t*>(p) = uint8_t(value.as_int()); break;
    case DType::i8: *static_cast<int8_t*>(p) = int8_t(value.as_int()); break;
    case DType::i32: *static_cast<int32_t*>(p) = int32_t(value.as_int()); break;
    case DType::i64: *static_cast<int64_t*>(p) = value.as_int(); break;
    case DType::f16: *static_cast<half_t*>(p) = to_half(float(value.as_double())); break;
    case DType::bf16: *static_cast<bfloat16_t*>(p) = to_bfloat16(float(value.as_double())); break;
    case DType::f32: *static_cast<float*>(p) = float(value.as_double()); break;
    case DType::f64: *static_cast<double*>(p) = value.as_double(); break;
  }
  return t;
}

Tensor number(Scalar value) {
  const DType dtype = value.kind == Scalar::floating  ? DType::f64
                      : value.kind == Scalar::integer ? DType::i64
                                                      : DType::bool_;
  Tensor t = scalar_tensor(value, dtype);
  t->wrapped_number = true;
  return t;
}

Scalar item(const Tensor& t) {
  if (t.numel() != 1)
    fail<RuntimeError>("a Tensor with %lld elements cannot be converted to Scalar", static_cast<long long>(t.numel()));
  alignas(8) char number[8];
  const void* p = t.data();
  if (t.device().type != DeviceType::cpu) {
    gpu::copy_to_host(number, p, itemsize(t.dtype()), t.device().index);
    p = number;
  }
  switch (t.dtype()) {
    case DType::bool_: return Scalar(*static_cast<const uint8_t*>(p) != 0);
    case DType::u8: return Scalar(int64_t(*static_cast<const uint8_t*>(p)));
    case DType::i8: return Scalar(int64_t(*static_cast<const int8_t*>(p)));
    case DType::i32: return Scalar(int64_t(*static_cast<const int32_t*>(p)));
    case DType::i64: return Scalar(*static_cast<const int64_t*>(p));
    case DType::f16: return Scalar(double(to_float(*static_cast<const half_t*>(p))));
    case DType::bf16: return Scalar(double(to_float(*static_cast<const bfloat16_t*>(p))));
    case DType::f32: return Scalar(double(*static_cast<const float*>(p)));
    case DType::f64: return Scalar(*static_cast<const double*>(p));
  }
  return Scalar();
}

}  // namespace hotloop::ops
