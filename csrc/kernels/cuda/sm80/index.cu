// Indexed reading, writing, adding and combining (kernels/args/index.h).
//
//   read      a thread a word of up to 16 bytes
//   columns   writing and adding where columns of positions that never meet, times the elements of a slice, fill the
//             GPU, or columns are short: a thread goes through a column in order, for one element of the slice
//   sorted    else: positions are sorted by where they go in the array, stably (sort_keys.h), and a thread goes through
//             those that go to the same place, for one element of the slice; of a write only the last one counts
//
// So each place has one writer, which takes values in row-major order of positions: no atomics, and the CPU's bits.
// Bound by memory and the latency of the loads that wait for indices. Called by dispatch/index.cpp.
// Never run on a GPU yet.
#include "kernels/cuda/common/packs.h"
#include "kernels/cuda/sm80/index_plan.h"
#include "kernels/cuda/sm80/sort_keys.h"

namespace hotloop::sm80 {

namespace {

constexpr int kThreads = 256;
constexpr int64_t kShortColumn = 32;  // positions
constexpr int64_t kManyColumns = 1 << 16;
constexpr uint32_t kHead = 1u << 31, kPassedOver = ~uint32_t(0);  // of ordered positions
constexpr int kAhead = 4;                                         // values that are loaded before the first is added

// Only looks for faults: a thread a position.
__global__ void __launch_bounds__(kThreads) check_positions(const __grid_constant__ IndexPlan plan) {
  for (int64_t p = grid_index(); p < plan.positions; p += grid_stride()) {
    Place place;
    find_position(plan, false, p, place);
  }
}

template <class Word>
__global__ void __launch_bounds__(kThreads) read(const __grid_constant__ IndexPlan plan) {
  const int64_t total = plan.positions * plan.slice_size;
  for (int64_t i = grid_index(); i < total; i += grid_stride()) {
    const int64_t p = quotient(i, plan.slice_size);
    const Place part = slice_place(plan, i - p * plan.slice_size);
    Place place;
    const bool found = find_position(plan, false, p, place);
    static_cast<Word*>(plan.values)[place.values + part.values] =
        found ? static_cast<const Word*>(plan.array)[place.array + part.array] : Word{};
  }
}

// --- what is done with an element of the array and a value -------------------------------------------------

template <class T>
struct Put {
  using Type = T;
  static constexpr bool kMoves = true;
  __device__ __forceinline__ T operator()(T, T value) const { return value; }
};

enum class How : uint8_t { add, multiply, max, min };

template <class T>
struct Merge {
  using Type = T;
  static constexpr bool kMoves = false;
  How how;

  __device__ __forceinline__ T operator()(T array, T value) const {
    if constexpr (std::is_same_v<T, bool>) {
      return how == How::add || how == How::max ? array || value : array && value;
    } else if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;  // wraps
      if (how == How::add) return T(U(array) + U(value));
      if (how == How::multiply) return T(U(array) * U(value));
      return (array > value) == (how == How::max) ? array : value;
    } else {
      const auto a = convert<Compute<T>>(array), b = convert<Compute<T>>(value);
      if (how == How::add) return convert<T>(a + b);
      if (how == How::multiply) return convert<T>(a * b);
      return (how == How::max ? a > b : a < b) || a != a ? array : value;
    }
  }
};

// --- columns ------------------------------------------------------------------------------------------------

template <class Op>
__global__ void __launch_bounds__(kThreads) merge_columns(const __grid_constant__ IndexPlan plan, Op op) {
  using T = typename Op::Type;
  const int64_t length = plan.positions / plan.columns, total = plan.columns * plan.slice_size;
  for (int64_t i = grid_index(); i < total; i += grid_stride()) {
    const int64_t column = quotient(i, plan.slice_size);
    const Place part = slice_place(plan, i - column * plan.slice_size);
    T* const array = static_cast<T*>(plan.array) + part.array;
    const T* const values = static_cast<const T*>(plan.values) + part.values;
#pragma unroll 1
    for (int64_t p = column * length; p < (column + 1) * length; ++p) {
      Place place;
      if (!find_position(plan, true, p, place)) continue;
      const T value = values[place.values];
      if constexpr (Op::kMoves) {
        array[place.array] = value;
      } else {
        array[place.array] = op(array[place.array], value);
      }
    }
  }
}

// --- sorted -------------------------------------------------------------------------------------------------

// A position's key is its offset in the array, by their common divisor; beyond all: what is passed over.
template <class Key>
__global__ void __launch_bounds__(kThreads)
    make_keys(const __grid_constant__ IndexPlan plan, Key* keys, int64_t divisor, Key beyond) {
  for (int64_t p = grid_index(); p < plan.positions; p += grid_stride()) {
    Place place;
    keys[p] = find_position(plan, true, p, place) ? Key(quotient(place.array, divisor)) : beyond;
  }
}

// Positions in order, the first of each key with kHead.
template <class Key>
__global__ void __launch_bounds__(kThreads)
    mark_heads(const Key* keys, const uint32_t* positions, int64_t count, Key beyond, uint32_t* order) {
  for (int64_t j = grid_index(); j < count; j += grid_stride()) {
    const bool head = j == 0 || keys[j - 1] != keys[j];
    order[j] = keys[j] == beyond ? kPassedOver : positions[j] | (head ? kHead : 0);
  }
}

template <class Op>
__global__ void __launch_bounds__(kThreads)
    merge_sorted(const __grid_constant__ IndexPlan plan, Op op, const uint32_t* order) {
  using T = typename Op::Type;
  const int64_t count = plan.positions, total = count * plan.slice_size;
  for (int64_t i = grid_index(); i < total; i += grid_stride()) {
    int64_t j = quotient(i, plan.slice_size);
    const uint32_t own = order[j];
    if (own == kPassedOver) continue;
    if constexpr (Op::kMoves) {
      if (j + 1 < count && !(order[j + 1] & kHead)) continue;  // kPassedOver has it too
    } else {
      if (!(own & kHead)) continue;
    }
    const Place part = slice_place(plan, i - j * plan.slice_size);
    Place place;
    if (!find_position(plan, true, own & ~kHead, place)) continue;
    const T* const values = static_cast<const T*>(plan.values) + part.values;
    T& element = static_cast<T*>(plan.array)[place.array + part.array];
    if constexpr (Op::kMoves) {
      element = values[place.values];
    } else {
      T result = op(element, values[place.values]);
      bool more = true;
      while (more) {
        T value[kAhead];
        bool there[kAhead];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) {
          const uint32_t next = ++j < count ? order[j] : kHead;
          more = there[k] = more && !(next & kHead);
          if (more) value[k] = values[values_of_position(plan, next)];
        }
#pragma unroll
        for (int k = 0; k < kAhead; ++k) {
          if (there[k]) result = op(result, value[k]);
        }
      }
      element = result;
    }
  }
}

template <class Key>
struct KeysOfPositions {
  const Key* keys;
  __device__ __forceinline__ ItemOf<Key> operator()(int64_t, int64_t i) const {
    return ItemOf<Key>::make(keys[i], uint32_t(i));
  }
};
template <class Key>
struct SortedPositions {
  Key* keys;
  uint32_t* positions;
  __device__ __forceinline__ void operator()(int64_t, int64_t i, ItemOf<Key> item) const {
    keys[i] = Key(item.key());
    positions[i] = item.position();
  }
};

template <class Key>
void order_positions(const IndexPlan& plan, int64_t divisor, int64_t beyond, uint32_t* order, GpuStream stream) {
  const int64_t n = plan.positions;
  const Grid grid = grid_for(n, kThreads);
  int bits = 0;
  while (bits < 64 && beyond >> bits) ++bits;
  RadixSort<Key> sort(1, n, bits, stream);
  launch(stream, grid.blocks, grid.threads, 0, make_keys<Key>, plan, sort.keys(), divisor, Key(beyond));
  if (n <= kTile) {
    const KeysOfPositions<Key> source{sort.keys()};
    const SortedPositions<Key> sink{sort.keys(), sort.positions()};
    run_sort_tiles<ItemOf<Key>>(stream, source, sink, 1, n, int(n));
  } else {
    sort.run();
  }
  launch(stream, grid.blocks, grid.threads, 0, mark_heads<Key>, static_cast<const Key*>(sort.keys()),
         static_cast<const uint32_t*>(sort.positions()), n, Key(beyond), order);
}

// --- launchers ------------------------------------------------------------------------------------------------

void check(const IndexPlan& plan, GpuStream stream) {
  const Grid grid = grid_for(plan.positions, kThreads);
  launch(stream, grid.blocks, grid.threads, 0, check_positions, plan);
}

template <class Op>
void run_merge(const IndexPlan& plan, Op op, GpuStream stream) {
  const int64_t length = plan.positions / plan.columns, columns = plan.columns * plan.slice_size;
  if (length <= kShortColumn || columns >= kManyColumns || plan.positions >= INT32_MAX) {
    const Grid grid = grid_for(columns, kThreads);
    return launch(stream, grid.blocks, grid.threads, 0, merge_columns<Op>, plan, op);
  }
  int64_t divisor = 0, last = 0;  // last: the largest offset
  const auto take = [&](int64_t size, int64_t stride) {
    int64_t a = divisor, b = stride;
    while (b) {
      const int64_t rest = a % b;
      a = b;
      b = rest;
    }
    divisor = a;
    last += size > 0 ? (size - 1) * stride : 0;
  };
  for (int d = 0; d < plan.index_dims; ++d) take(plan.index[d].size, plan.index[d].array_stride);
  for (int t = 0; t < plan.tensor_count; ++t) take(plan.tensors[t].size, plan.tensors[t].array_stride);
  if (divisor == 0) divisor = 1;
  const int64_t beyond = last / divisor + 1;

  const gpu::Scratch order(size_t(plan.positions) * sizeof(uint32_t), gpu::current_device(), stream);
  if (beyond <= int64_t(UINT32_MAX)) {
    order_positions<uint32_t>(plan, divisor, beyond, order.data<uint32_t>(), stream);
  } else {
    order_positions<uint64_t>(plan, divisor, beyond, order.data<uint32_t>(), stream);
  }
  const Grid grid = grid_for(plan.positions * plan.slice_size, kThreads);
  launch(stream, grid.blocks, grid.threads, 0, merge_sorted<Op>, plan, op,
         static_cast<const uint32_t*>(order.data<uint32_t>()));
}

void run_merge_as(const IndexArgs& args, How how, GpuStream stream) {
  const IndexPlan plan = plan_index(args, true);
  if (plan.positions == 0) return;
  if (plan.slice_size == 0) return check(plan, stream);
  with_dtype(args.dtype, [&](auto element) { run_merge(plan, Merge<decltype(element)>{how}, stream); });
}

// Also of the 16 bytes of two elements that are moved together.
template <class F>
void with_word(int bytes, F&& f) {
  if (bytes == 16) return f(Pack<uint64_t, 2>{});
  with_bits(size_t(bytes), f);
}

}  // namespace

void index_read(const IndexArgs& args, GpuStream stream) {
  IndexPlan plan = plan_index(args, false);
  if (plan.positions == 0) return;
  if (plan.slice_size == 0) return check(plan, stream);
  const int bytes = widen(plan, int(itemsize(args.dtype)));
  const Grid grid = grid_for(plan.positions * plan.slice_size, kThreads);
  with_word(bytes, [&](auto word) { launch(stream, grid.blocks, grid.threads, 0, read<decltype(word)>, plan); });
}

void index_write(const IndexArgs& args, GpuStream stream) {
  IndexPlan plan = plan_index(args, true);
  if (plan.positions == 0) return;
  if (plan.slice_size == 0) return check(plan, stream);
  const int bytes = widen(plan, int(itemsize(args.dtype)));
  with_word(bytes, [&](auto word) { run_merge(plan, Put<decltype(word)>{}, stream); });
}

void index_add(const IndexArgs& args, GpuStream stream) { run_merge_as(args, How::add, stream); }

void index_combine(const IndexArgs& args, GpuStream stream) {
  run_merge_as(args,
               args.combine == IndexCombine::multiply ? How::multiply
               : args.combine == IndexCombine::max    ? How::max
                                                      : How::min,
               stream);
}

}  // namespace hotloop::sm80
