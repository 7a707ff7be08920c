// Naive indexing: one position and one element at a time, in order.
#include "kernels/args/index.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

static bool is_float(DType dtype) { return dtype >= DType::f16; }

static void copy_element(void* to, int64_t i, const void* from, int64_t j, DType dtype) {
  const size_t item = dtype <= DType::i8                            ? 1
                      : dtype == DType::f16 || dtype == DType::bf16 ? 2
                      : dtype == DType::i32 || dtype == DType::f32  ? 4
                                                                    : 8;
  std::memcpy(static_cast<char*>(to) + i * int64_t(item), static_cast<const char*>(from) + j * int64_t(item), item);
}

// Runs body(array offset, values offset) for every element of every position, in order.
template <class F>
static void for_elements(const IndexArgs& args, bool writes, F body) {
  *args.fault = {-1, 0};
  int64_t positions = 1, slice = 1;
  for (int d = 0; d < args.index_dims; ++d) positions *= args.index[d].size;
  for (int d = 0; d < args.slice_dims; ++d) slice *= args.slice[d].size;
  const auto index_at = [&](int t, int64_t p) {
    const int64_t* index = args.tensors[t].indices;
    for (int d = args.index_dims - 1; d >= 0; --d) {
      index += p % args.index[d].size * args.tensors[t].strides[d];
      p /= args.index[d].size;
    }
    return *index;
  };
  for (int t = 0; t < args.tensor_count; ++t)
    for (int64_t p = 0; p < positions; ++p) {
      const int64_t value = index_at(t, p), size = args.tensors[t].size;
      if (value < size && value >= (args.tensors[t].wrap ? -size : 0)) continue;
      *args.fault = {t, value};
      return;
    }
  for (int64_t p = 0; p < positions; ++p) {
    if (writes && args.tensor_count && index_at(0, p) == args.skip) continue;
    for (int64_t s = 0; s < slice; ++s) {
      int64_t array = 0, values = 0, rest = p;
      for (int d = args.index_dims - 1; d >= 0; --d) {
        array += rest % args.index[d].size * args.index[d].array_stride;
        values += rest % args.index[d].size * args.index[d].values_stride;
        rest /= args.index[d].size;
      }
      rest = s;
      for (int d = args.slice_dims - 1; d >= 0; --d) {
        array += rest % args.slice[d].size * args.slice[d].array_stride;
        values += rest % args.slice[d].size * args.slice[d].values_stride;
        rest /= args.slice[d].size;
      }
      for (int t = 0; t < args.tensor_count; ++t) {
        const int64_t index = index_at(t, p);
        array += (index < 0 ? index + args.tensors[t].size : index) * args.tensors[t].array_stride;
      }
      body(array, values);
    }
  }
}

void index_read(const IndexArgs& args) {
  for_elements(args, false, [&](int64_t a, int64_t v) { copy_element(args.values, v, args.array, a, args.dtype); });
}
void index_write(const IndexArgs& args) {
  for_elements(args, true, [&](int64_t a, int64_t v) { copy_element(args.array, a, args.values, v, args.dtype); });
}
void index_add(const IndexArgs& args) {
  const DType dtype = args.dtype;
  for_elements(args, true, [&](int64_t a, int64_t v) {
    if (is_float(dtype))
      put(args.array, dtype, a, get(args.array, dtype, a) + get(args.values, dtype, v));
    else
      put_integer(args.array, dtype, a,
                  int64_t(uint64_t(get_integer(args.array, dtype, a)) + uint64_t(get_integer(args.values, dtype, v))));
  });
}

void index_combine(const IndexArgs& args) {
  const auto combined = [&]<class A>(A a, A b) -> A {
    if (args.combine == IndexCombine::multiply) return A(a * b);
    if (args.combine == IndexCombine::max) return a > b || a != a ? a : b;
    return a < b || a != a ? a : b;
  };
  const DType dtype = args.dtype;
  for_elements(args, true, [&](int64_t a, int64_t v) {
    if (is_float(dtype))
      put(args.array, dtype, a, combined(get(args.array, dtype, a), get(args.values, dtype, v)));
    else
      put_integer(args.array, dtype, a,
                  combined(get_integer(args.array, dtype, a), get_integer(args.values, dtype, v)));
  });
}

void count_mask(const MaskArgs& args) {
  const int64_t chunks = (args.n + kMaskChunk - 1) / kMaskChunk;
  for (int64_t c = 0; c <= chunks; ++c) {
    args.offsets[c] = 0;
    for (int64_t i = 0; i < std::min(c * kMaskChunk, args.n); ++i) args.offsets[c] += args.mask[i];
  }
}
void mask_select(const MaskArgs& args) {
  int64_t k = 0;
  for (int64_t i = 0; i < args.n; ++i)
    if (args.mask[i]) copy_element(args.out, k++, args.x, i, args.dtype);
}
void mask_nonzero(const MaskArgs& args) {
  int64_t k = 0;
  for (int64_t i = 0; i < args.n; ++i) {
    if (!args.mask[i]) continue;
    int64_t rest = i;
    for (int d = args.ndim - 1; d >= 0; --d) {
      args.indices[k * args.ndim + d] = rest % args.sizes[d];
      rest /= args.sizes[d];
    }
    ++k;
  }
}

}  // namespace hotloop::reference
