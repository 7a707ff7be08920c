// Indexed reading, writing and adding (kernels/args/index.h).
#pragma once

#include "kernels/args/index.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/element_bits.h"
#include "kernels/cpu/common/half.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kIndexChunkBytes = 64 * 1024;  // moved by a chunk; about 10 us
constexpr int kIndexPrefetch = 8;                // positions ahead, for slices scattered through memory
constexpr int64_t kIndexRun = 1024;              // positions whose indices are checked, then used, from L1
constexpr int64_t kShortCopy = 512;              // bytes; longer ones are memcpy's
constexpr int64_t kColumnBytes = 1024;           // of a slice, the least that a chunk of a cut write takes
constexpr int64_t kIndexLineBytes = 16 * 1024;  // of the array, that are fetched before single elements of it are moved

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
    if constexpr (__is_same(T, half_t))
      array = to_f16(to_f32(array) + to_f32(value));
    else if constexpr (__is_same(T, bfloat16_t))
      array = to_bf16(to_f32(array) + to_f32(value));
    else if constexpr (__is_same(T, bool))
      array = array | value;
    else if constexpr (__is_same(T, int64_t))
      array = T(uint64_t(array) + uint64_t(value));  // wraps
    else if constexpr (__is_same(T, int32_t))
      array = T(uint32_t(array) + uint32_t(value));
    else
      array = T(array + value);
  }
};

template <class T, IndexCombine kHow>
struct CombineElement {
  using Type = T;
  static constexpr bool kReads = false, kMoves = false;
  template <class A>
  static A combined(A a, A b) {
    if constexpr (kHow == IndexCombine::multiply)
      return A(a * b);
    else if constexpr (kHow == IndexCombine::max)
      return a > b || a != a ? a : b;
    else
      return a < b || a != a ? a : b;
  }
  static void apply(T& array, const T& value) {
    if constexpr (__is_same(T, half_t))
      array = to_f16(combined(to_f32(array), to_f32(value)));
    else if constexpr (__is_same(T, bfloat16_t))
      array = to_bf16(combined(to_f32(array), to_f32(value)));
    else
      array = combined(array, value);
  }
};

// Contiguous elements; short copies without a call.
template <class Op, class T = typename Op::Type>
inline void move_contiguous(T* __restrict__ array, T* __restrict__ values, int64_t count) {
  if constexpr (Op::kMoves) {
    char* to = reinterpret_cast<char*>(Op::kReads ? values : array);
    const char* from = reinterpret_cast<const char*>(Op::kReads ? array : values);
    int64_t bytes = count * int64_t(sizeof(T));
    if (bytes > kShortCopy) {
      __builtin_memcpy(to, from, size_t(bytes));
      return;
    }
    for (; bytes >= kVectorBytes; bytes -= kVectorBytes, to += kVectorBytes, from += kVectorBytes)
      __builtin_memcpy(to, from, kVectorBytes);
    copy_bytes<kVectorBytes>(to, from, int(bytes));
  } else {
    for (int64_t i = 0; i < count; ++i) Op::apply(array[i], values[i]);
  }
}

// A slice over dims[0 ... count): all of its outer dims, elements [begin, end) of the innermost.
template <class Op, class T = typename Op::Type>
[[gnu::noinline]] void move_slice(const IndexDim* dims, int count, T* array, T* values, int64_t begin, int64_t end) {
  const int64_t a = dims[0].array_stride, v = dims[0].values_stride;
  if (count > 1) {
    for (int64_t i = 0; i < dims[0].size; ++i)
      move_slice<Op>(dims + 1, count - 1, array + i * a, values + i * v, begin, end);
  } else if (a == 1 && v == 1) {
    move_contiguous<Op>(array + begin, values + begin, end - begin);
  } else if (!Op::kReads && Op::kMoves && a == 1 && v == 0) {
    const T value = *values;  // index_fill
    for (int64_t i = begin; i < end; ++i) array[i] = value;
  } else {
#pragma GCC unroll 1
    for (int64_t i = begin; i < end; ++i) Op::apply(array[i * a], values[i * v]);
  }
}

inline int64_t resolve(int64_t index, int64_t size, int64_t stride) {
  return (index < 0 ? index + size : index) * stride;
}

// `count` positions along the innermost index dim, from those that the pointers stand at.
struct IndexRun {
  char* array;
  char* values;
  const int64_t* indices[kIndexMaxTensors];
  int64_t index_steps[kIndexMaxTensors];
  int64_t array_step, values_step;
  int64_t count;
  int64_t begin, end;  // elements of the innermost slice dim
  bool starts_line;    // the first run along its line of positions
};

enum class IndexPath { strided, plain, wrapped };

// One index tensor, single elements. Plain: the run is array[index] for contiguous indices, none negative; wrapped: some
// may be.
template <class Op, IndexPath kPath>
inline void move_elements(const IndexArgs& args, const IndexRun& run) {
  using T = typename Op::Type;
  T* __restrict__ array = reinterpret_cast<T*>(run.array);
  T* __restrict__ values = reinterpret_cast<T*>(run.values);
  const int64_t* __restrict__ index = run.indices[0];
  const int64_t size = args.tensors[0].size, stride = args.tensors[0].array_stride;
  const int64_t index_step = run.index_steps[0], values_step = run.values_step, array_step = run.array_step;
  const int64_t skip = args.skip, count = run.count;
  if constexpr (kPath != IndexPath::strided) {
    // Elements met in random order would miss the cache one by one: a line of them is fetched in order before.
    const int64_t bytes = size * int64_t(sizeof(T));
    if (run.starts_line && bytes <= kIndexLineBytes && bytes <= 64 * count)
      for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(run.array + at, !Op::kReads);
#pragma GCC unroll 4
    for (int64_t i = 0; i < count; ++i) {
      if (!Op::kReads && index[i] == skip) continue;
      Op::apply(array[kPath == IndexPath::plain ? index[i] : resolve(index[i], size, 1)], values[i]);
    }
  } else {
#pragma GCC unroll 1
    for (int64_t i = 0; i < count; ++i, index += index_step, array += array_step, values += values_step)
      if (Op::kReads || *index != skip) Op::apply(array[resolve(*index, size, stride)], *values);
  }
}

template <class Op>
void move_run(const IndexArgs& args, const IndexRun& run) {
  using T = typename Op::Type;
  if (args.tensor_count == 1 && args.slice_dims == 0) {
    const IndexTensor& tensor = args.tensors[0];
    const bool plain =
        tensor.array_stride == 1 && run.array_step == 0 && run.index_steps[0] == 1 && run.values_step == 1;
    if (plain && !tensor.wrap) return move_elements<Op, IndexPath::plain>(args, run);
    if constexpr (Op::kMoves)
      if (plain) return move_elements<Op, IndexPath::wrapped>(args, run);
    return move_elements<Op, IndexPath::strided>(args, run);
  }
  T* array = reinterpret_cast<T*>(run.array);
  T* values = reinterpret_cast<T*>(run.values);
  const bool contiguous = args.slice_dims == 1 && args.slice[0].array_stride == 1 && args.slice[0].values_stride == 1;
  const auto offset_at = [&](int64_t i) __attribute__((always_inline)) {
    int64_t offset = i * run.array_step;
    for (int t = 0; t < args.tensor_count; ++t)
      offset += resolve(run.indices[t][i * run.index_steps[t]], args.tensors[t].size, args.tensors[t].array_stride);
    return offset;
  };
  for (int64_t i = 0; i < run.count; ++i) {
    if (!Op::kReads && args.tensor_count && run.indices[0][i * run.index_steps[0]] == args.skip) continue;
    T* a = array + offset_at(i);
    T* v = values + i * run.values_step;
    if (contiguous) {
      if (i + kIndexPrefetch < run.count)
        __builtin_prefetch(array + offset_at(i + kIndexPrefetch) + run.begin, !Op::kReads);
      move_contiguous<Op>(a + run.begin, v + run.begin, run.end - run.begin);
    } else if (args.slice_dims == 0) {
      Op::apply(*a, *v);
    } else {
      move_slice<Op>(args.slice, args.slice_dims, a, v, run.begin, run.end);
    }
  }
}

// What is compiled for an operation; the walk over positions is shared.
struct IndexOp {
  void (*run)(const IndexArgs& args, const IndexRun& run);
  int64_t itemsize;
  bool reads;
};
template <class Op>
constexpr IndexOp index_op() {
  return {move_run<Op>, sizeof(typename Op::Type), Op::kReads};
}

// Indices in [lowest, size) along a run, all of them looked at so that the loop has no exit.
inline bool in_range(const int64_t* __restrict__ indices, int64_t step, int64_t count, const IndexTensor& tensor) {
  const int64_t lowest = tensor.wrap ? -tensor.size : 0, end = tensor.size;
  int64_t bad = 0;
  if (step == 0) count = 1;
  if (step == 1)
    for (int64_t i = 0; i < count; ++i) bad |= (indices[i] < lowest) | (indices[i] >= end);
  else
#pragma GCC unroll 1
    for (int64_t i = 0; i < count; ++i) bad |= (indices[i * step] < lowest) | (indices[i * step] >= end);
  return !bad;
}

// The first index out of range along the dims [dim, index_dims) of a tensor; dims along which it is broadcast
// are looked at once.
inline bool find_fault(const IndexArgs& args, const IndexTensor& tensor, int dim, const int64_t* indices,
                       int64_t& value) {
  if (dim == args.index_dims) {
    value = *indices;
    return !in_range(indices, 0, 1, tensor);
  }
  const int64_t stride = tensor.strides[dim], size = stride ? args.index[dim].size : 1;
  if (dim == args.index_dims - 1 && in_range(indices, stride, size, tensor)) return false;
  for (int64_t i = 0; i < size; ++i)
    if (find_fault(args, tensor, dim + 1, indices + i * stride, value)) return true;
  return false;
}
[[gnu::noinline]] inline bool report_fault(const IndexArgs& args) {
  for (int t = 0; t < args.tensor_count; ++t) {
    int64_t value = 0;
    if (!find_fault(args, args.tensors[t], 0, args.tensors[t].indices, value)) continue;
    *args.fault = {t, value};
    return true;
  }
  return false;
}

// Positions [first, last) in row-major order; of the innermost slice dim, elements [begin, end). Reading checks the
// indices of a run just before it is moved, and stops at the first bad one: false.
[[gnu::noinline]] inline bool move_positions(const IndexOp& op, const IndexArgs& args, int64_t first, int64_t last,
                                             int64_t begin, int64_t end) {
  const int dims = args.index_dims;
  int64_t coordinate[kIndexMaxDims];
  int64_t position = first;
  for (int d = dims - 1; d >= 0; --d) {
    coordinate[d] = position % args.index[d].size;
    position /= args.index[d].size;
  }
  IndexRun run;
  run.begin = begin;
  run.end = end;
  run.array_step = dims ? args.index[dims - 1].array_stride : 0;
  run.values_step = dims ? args.index[dims - 1].values_stride : 0;
  for (int64_t p = first; p < last; p += run.count) {
    run.count = dims ? smaller(smaller(args.index[dims - 1].size - coordinate[dims - 1], last - p), kIndexRun) : 1;
    int64_t array = 0, values = 0;
    for (int d = 0; d < dims; ++d) {
      array += coordinate[d] * args.index[d].array_stride;
      values += coordinate[d] * args.index[d].values_stride;
    }
    run.starts_line = dims && coordinate[dims - 1] == 0;
    run.array = static_cast<char*>(args.array) + array * op.itemsize;
    run.values = static_cast<char*>(args.values) + values * op.itemsize;
    for (int t = 0; t < args.tensor_count; ++t) {
      run.indices[t] = args.tensors[t].indices;
      run.index_steps[t] = dims ? args.tensors[t].strides[dims - 1] : 0;
      for (int d = 0; d < dims; ++d) run.indices[t] += coordinate[d] * args.tensors[t].strides[d];
    }
    if (op.reads)
      for (int t = 0; t < args.tensor_count; ++t)
        if (!in_range(run.indices[t], run.index_steps[t], run.count, args.tensors[t])) return false;
    op.run(args, run);
    for (int d = dims - 1; d >= 0; --d) {
      coordinate[d] += d == dims - 1 ? run.count : 1;
      if (coordinate[d] < args.index[d].size) break;
      coordinate[d] = 0;
    }
  }
  return true;
}

// Cuts the work; writing checks all indices before. Reads are cut anywhere. Writes may meet in the array, so they are
// cut along the leading separate dims, or by elements of the innermost slice dim: each chunk goes through its
// positions in order.
inline void move_all(const IndexOp& op, const IndexArgs& args) {
  *args.fault = {-1, 0};
  int64_t positions = 1, slice = 1, leading = 1;
  for (int d = 0; d < args.index_dims; ++d) positions *= args.index[d].size;
  for (int d = 0; d < args.slice_dims; ++d) slice *= args.slice[d].size;
  if (positions == 0) return;
  if ((!op.reads || slice == 0) && report_fault(args)) return;
  if (slice == 0) return;
  for (int d = 0; d < args.index_dims && args.index[d].separate; ++d) leading *= args.index[d].size;

  const int64_t width = args.slice_dims ? args.slice[args.slice_dims - 1].size : 1;
  const int64_t bytes = positions * slice * op.itemsize;
  if (bytes < 2 * kIndexChunkBytes) {
    if (!move_positions(op, args, 0, positions, 0, width)) report_fault(args);
    return;
  }
  const int64_t unit = op.reads ? 1 : positions / leading;  // positions that stay together
  const int64_t unit_bytes = unit * slice * op.itemsize;
  int64_t chunks, per_chunk, columns = width;
  if (unit_bytes <= bytes / 2) {
    per_chunk = larger<int64_t>(kIndexChunkBytes / unit_bytes, 1) * unit;
    chunks = (positions + per_chunk - 1) / per_chunk;
  } else {
    const int64_t least = kColumnBytes / op.itemsize;
    columns = larger(least, (width / 8 + least - 1) / least * least);
    per_chunk = positions;
    chunks = (width + columns - 1) / columns;
  }
  bool bad = false;
  for_chunks(chunks, [&](int64_t chunk) {
    const int64_t part = columns < width ? 0 : chunk, column = columns < width ? chunk * columns : 0;
    const bool good = move_positions(op, args, part * per_chunk, smaller((part + 1) * per_chunk, positions), column,
                                     smaller(column + columns, width));
    if (!good) __atomic_store_n(&bad, true, __ATOMIC_RELAXED);
  });
  if (bad) report_fault(args);
}

template <template <class> class Op>
void move_bits(const IndexArgs& args) {
  with_bits(args.dtype, [&]<class U>(U) { move_all(index_op<Op<U>>(), args); });
}

void index_read(const IndexArgs& args) { move_bits<ReadElement>(args); }
void index_write(const IndexArgs& args) { move_bits<WriteElement>(args); }
void index_add(const IndexArgs& args) {
  switch (args.dtype) {
    case DType::bool_: return move_all(index_op<AddElement<bool>>(), args);
    case DType::u8: return move_all(index_op<AddElement<uint8_t>>(), args);
    case DType::i8: return move_all(index_op<AddElement<int8_t>>(), args);
    case DType::i32: return move_all(index_op<AddElement<int32_t>>(), args);
    case DType::i64: return move_all(index_op<AddElement<int64_t>>(), args);
    case DType::f16: return move_all(index_op<AddElement<half_t>>(), args);
    case DType::bf16: return move_all(index_op<AddElement<bfloat16_t>>(), args);
    case DType::f32: return move_all(index_op<AddElement<float>>(), args);
    case DType::f64: return move_all(index_op<AddElement<double>>(), args);
  }
}

template <IndexCombine kHow>
void combine_as(const IndexArgs& args) {
  switch (args.dtype) {
    case DType::bool_: return move_all(index_op<CombineElement<bool, kHow>>(), args);
    case DType::u8: return move_all(index_op<CombineElement<uint8_t, kHow>>(), args);
    case DType::i8: return move_all(index_op<CombineElement<int8_t, kHow>>(), args);
    case DType::i32: return move_all(index_op<CombineElement<int32_t, kHow>>(), args);
    case DType::i64: return move_all(index_op<CombineElement<int64_t, kHow>>(), args);
    case DType::f16: return move_all(index_op<CombineElement<half_t, kHow>>(), args);
    case DType::bf16: return move_all(index_op<CombineElement<bfloat16_t, kHow>>(), args);
    case DType::f32: return move_all(index_op<CombineElement<float, kHow>>(), args);
    case DType::f64: return move_all(index_op<CombineElement<double, kHow>>(), args);
  }
}

void index_combine(const IndexArgs& args) {
  switch (args.combine) {
    case IndexCombine::multiply: return combine_as<IndexCombine::multiply>(args);
    case IndexCombine::max: return combine_as<IndexCombine::max>(args);
    case IndexCombine::min: return combine_as<IndexCombine::min>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
