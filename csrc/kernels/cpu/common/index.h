// Indexed reading, writing and adding (kernels/args/index.h).
#pragma once

#include "kernels/args/index.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/half.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kIndexChunkBytes = 64 * 1024;  // moved by a chunk; about 10 us
constexpr int kIndexPrefetch = 8;                // positions ahead, for slices scattered through memory

// What happens to one element.
template <class T>
struct ReadElement {
  using Type = T;
  static constexpr bool kReads = true, kMoves = true;
  static void apply(const T& array, T& value) { value = array; }
};
template <class T>
struct WriteElement {
  using Type = T;
  static constexpr bool kReads = false, kMoves = true;
  static void apply(T& array, const T& value) { array = value; }
};
template <class T>
struct AddElement {
  using Type = T;
  static constexpr bool kReads = false, kMoves = false;
  static void apply(T& array, const T& value) {
    if constexpr (__is_same(T, half_t)) array = to_f16(to_f32(array) + to_f32(value));
    else if constexpr (__is_same(T, bfloat16_t)) array = to_bf16(to_f32(array) + to_f32(value));
    else if constexpr (__is_same(T, bool)) array = array | value;
    else if constexpr (__is_same(T, int64_t)) array = T(uint64_t(array) + uint64_t(value));  // wraps
    else if constexpr (__is_same(T, int32_t)) array = T(uint32_t(array) + uint32_t(value));
    else array = T(array + value);
  }
};

// Elements [begin, end) of a slice's innermost dim: a loop, or one copy where both sides are contiguous.
template <class Op, class T = typename Op::Type>
inline void move_run(const IndexDim& dim, T* array, T* values, int64_t begin, int64_t end) {
  const int64_t a = dim.array_stride, v = dim.values_stride;
  if (a != 1 || v != 1) {
#pragma GCC unroll 1
    for (int64_t i = begin; i < end; ++i) Op::apply(array[i * a], values[i * v]);
  } else if constexpr (Op::kMoves) {
    const size_t bytes = size_t(end - begin) * sizeof(T);
    __builtin_memcpy((Op::kReads ? values : array) + begin, (Op::kReads ? array : values) + begin, bytes);
  } else {
    T* __restrict__ to = array;
    const T* __restrict__ from = values;
    for (int64_t i = begin; i < end; ++i) Op::apply(to[i], from[i]);
  }
}

// A slice over dims[0 ... count), all of its outer dims.
template <class Op, class T = typename Op::Type>
[[gnu::noinline]] void move_slice(const IndexDim* dims, int count, T* array, T* values, int64_t begin, int64_t end) {
  if (count == 0) return Op::apply(*array, *values);
  if (count == 1) return move_run<Op>(dims[0], array, values, begin, end);
  for (int64_t i = 0; i < dims[0].size; ++i)
    move_slice<Op>(dims + 1, count - 1, array + i * dims[0].array_stride, values + i * dims[0].values_stride, begin, end);
}

inline int64_t resolve(const IndexTensor& tensor, int64_t index) {
  return (index < 0 ? index + tensor.size : index) * tensor.array_stride;
}

// Positions [first, last) in row-major order; of the innermost slice dim, elements [begin, end).
template <class Op>
[[gnu::noinline]] void move_positions(const IndexArgs& args, int64_t first, int64_t last, int64_t begin, int64_t end) {
  using T = typename Op::Type;
  T* const array = static_cast<T*>(args.array);
  T* const values = static_cast<T*>(args.values);
  const int dims = args.index_dims;
  const IndexDim one{1, 0, 0, true};
  const IndexDim& inner = dims ? args.index[dims - 1] : one;
  int64_t coordinate[kIndexMaxDims];
  int64_t position = first;
  for (int d = dims - 1; d >= 0; --d) {
    coordinate[d] = position % args.index[d].size;
    position /= args.index[d].size;
  }
  for (int64_t p = first; p < last;) {
    // A run along the innermost index dim.
    const int64_t start = dims ? coordinate[dims - 1] : 0;
    const int64_t run = smaller(inner.size - start, last - p);
    int64_t array_offset = 0, values_offset = 0;
    const int64_t* indices[kIndexMaxTensors];
    int64_t step[kIndexMaxTensors];
    for (int t = 0; t < args.tensor_count; ++t) {
      indices[t] = args.tensors[t].indices;
      step[t] = dims ? args.tensors[t].strides[dims - 1] : 0;
      for (int d = 0; d < dims; ++d) indices[t] += coordinate[d] * args.tensors[t].strides[d];
    }
    for (int d = 0; d < dims; ++d) {
      array_offset += coordinate[d] * args.index[d].array_stride;
      values_offset += coordinate[d] * args.index[d].values_stride;
    }
    T* a = array + array_offset;
    T* v = values + values_offset;
    if (args.tensor_count == 1) {
      const IndexTensor tensor = args.tensors[0];
      const int64_t *at = indices[0], stride = step[0], skip = args.skip;
      const int64_t array_step = inner.array_stride, values_step = inner.values_stride;
      if (args.slice_dims == 0) {
#pragma GCC unroll 1
        for (int64_t i = 0; i < run; ++i, at += stride, a += array_step, v += values_step)
          if (Op::kReads || *at != skip) Op::apply(a[resolve(tensor, *at)], *v);
      } else {
        for (int64_t i = 0; i < run; ++i, at += stride, a += array_step, v += values_step) {
          if (i + kIndexPrefetch < run) __builtin_prefetch(a + resolve(tensor, at[kIndexPrefetch * stride]) + begin, !Op::kReads);
          if (!Op::kReads && *at == skip) continue;
          move_slice<Op>(args.slice, args.slice_dims, a + resolve(tensor, *at), v, begin, end);
        }
      }
    } else {
      for (int64_t i = 0; i < run; ++i, a += inner.array_stride, v += inner.values_stride) {
        if (!Op::kReads && args.tensor_count && indices[0][i * step[0]] == args.skip) continue;
        int64_t offset = 0;
        for (int t = 0; t < args.tensor_count; ++t) offset += resolve(args.tensors[t], indices[t][i * step[t]]);
        move_slice<Op>(args.slice, args.slice_dims, a + offset, v, begin, end);
      }
    }
    p += run;
    for (int d = dims - 1; d >= 0; --d) {
      coordinate[d] += d == dims - 1 ? run : 1;
      if (coordinate[d] < args.index[d].size) break;
      coordinate[d] = 0;
    }
  }
}

inline bool in_range(const IndexTensor& tensor, int64_t index) {
  return index < tensor.size && index >= (tensor.wrap ? -tensor.size : 0);
}

// Along the dims [dim, index_dims) of a tensor; dims along which it is broadcast are looked at once.
inline bool find_fault(const IndexArgs& args, const IndexTensor& tensor, int dim, const int64_t* indices, int64_t& value) {
  if (dim == args.index_dims) {
    value = *indices;
    return !in_range(tensor, value);
  }
  const int64_t stride = tensor.strides[dim], size = stride ? args.index[dim].size : 1;
  if (dim == args.index_dims - 1) {
    bool good = true;
    for (int64_t i = 0; i < size; ++i) good &= in_range(tensor, indices[i * stride]);
    if (good) return false;
  }
  for (int64_t i = 0; i < size; ++i)
    if (find_fault(args, tensor, dim + 1, indices + i * stride, value)) return true;
  return false;
}

// Checks all indices, then cuts the work. Reads are cut anywhere. Writes may meet in the array, so they are cut along the
// leading separate dims, or by elements of the innermost slice dim: each chunk goes through its positions in order.
template <class Op>
void move_all(const IndexArgs& args) {
  *args.fault = {-1, 0};
  int64_t positions = 1, slice = 1, leading = 1;
  for (int d = 0; d < args.index_dims; ++d) positions *= args.index[d].size;
  for (int d = 0; d < args.slice_dims; ++d) slice *= args.slice[d].size;
  if (positions == 0) return;
  for (int t = 0; t < args.tensor_count; ++t) {
    int64_t value = 0;
    if (!find_fault(args, args.tensors[t], 0, args.tensors[t].indices, value)) continue;
    *args.fault = {t, value};
    return;
  }
  if (slice == 0) return;
  for (int d = 0; d < args.index_dims && args.index[d].separate; ++d) leading *= args.index[d].size;

  const int64_t width = args.slice_dims ? args.slice[args.slice_dims - 1].size : 1;
  const int64_t item = int64_t(sizeof(typename Op::Type)), bytes = positions * slice * item;
  if (bytes < 2 * kIndexChunkBytes) return move_positions<Op>(args, 0, positions, 0, width);
  const int64_t unit = Op::kReads ? 1 : positions / leading;  // positions that stay together
  if (unit * slice * item <= bytes / 2) {
    const int64_t units = positions / unit, per_chunk = larger<int64_t>(kIndexChunkBytes / (unit * slice * item), 1);
    for_chunks((units + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
      const int64_t end = smaller((chunk + 1) * per_chunk, units);
      move_positions<Op>(args, chunk * per_chunk * unit, end * unit, 0, width);
    });
  } else {
    constexpr int64_t kColumns = 256 / int64_t(sizeof(typename Op::Type));  // whole cache lines
    const int64_t columns = larger(kColumns, (width / 8 + kColumns - 1) / kColumns * kColumns);
    for_chunks((width + columns - 1) / columns, [&](int64_t chunk) {
      move_positions<Op>(args, 0, positions, chunk * columns, smaller((chunk + 1) * columns, width));
    });
  }
}

inline int bytes_of(DType dtype) {
  if (dtype <= DType::i8) return 1;
  if (dtype == DType::f16 || dtype == DType::bf16) return 2;
  return dtype == DType::i32 || dtype == DType::f32 ? 4 : 8;
}

template <template <class> class Op>
void move_bits(const IndexArgs& args) {
  switch (bytes_of(args.dtype)) {
    case 1: return move_all<Op<uint8_t>>(args);
    case 2: return move_all<Op<uint16_t>>(args);
    case 4: return move_all<Op<uint32_t>>(args);
    default: return move_all<Op<uint64_t>>(args);
  }
}

void index_read(const IndexArgs& args) { move_bits<ReadElement>(args); }
void index_write(const IndexArgs& args) { move_bits<WriteElement>(args); }
void index_add(const IndexArgs& args) {
  switch (args.dtype) {
    case DType::bool_: return move_all<AddElement<bool>>(args);
    case DType::u8: return move_all<AddElement<uint8_t>>(args);
    case DType::i8: return move_all<AddElement<int8_t>>(args);
    case DType::i32: return move_all<AddElement<int32_t>>(args);
    case DType::i64: return move_all<AddElement<int64_t>>(args);
    case DType::f16: return move_all<AddElement<half_t>>(args);
    case DType::bf16: return move_all<AddElement<bfloat16_t>>(args);
    case DType::f32: return move_all<AddElement<float>>(args);
    case DType::f64: return move_all<AddElement<double>>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
