// Sorting lines, selecting the first of them, medians and modes of them, searching (kernels/args/sort.h).
//
//   n <= kTile       one launch, a block a line or several (sort_keys.h)
//   k <= kKnockout   rounds of tiles, of which the first k of each go on: the line is read once
//   else             radix over all bits of the keys (sort_keys.h)
//
// Bound by memory, the network of a tile by shared memory. Called by dispatch/sort.cpp. Never run on a GPU yet.
#include "kernels/args/sort.h"

#include "kernels/cuda/sm80/sort_keys.h"

namespace hotloop::sm80 {

namespace {

constexpr int64_t kKnockout = kTile / 8;

// --- keys -------------------------------------------------------------------------------------------------
// An element's key is an unsigned number whose order is the wanted one. Of keys that are not exact (zeros and NaN) the
// element has to be read.

template <class T>
struct KeyOf {
  using Key = std::make_unsigned_t<T>;
  static constexpr bool kHasNan = false;
  static constexpr Key kFlip = std::is_signed_v<T> ? Key(Key(1) << (8 * sizeof(T) - 1)) : Key(0);
  static __device__ __forceinline__ Key key(T x) { return Key(Key(x) ^ kFlip); }
  static __device__ __forceinline__ T element(Key key) { return T(Key(key ^ kFlip)); }
  static __device__ __forceinline__ bool exact(Key) { return true; }
};
template <class T, class Bits, int kMantissa>
struct FloatKeyOf {
  using Key = Bits;
  static constexpr bool kHasNan = true;  // the largest key
  static constexpr Key kSign = Key(Key(1) << (8 * sizeof(T) - 1));
  static constexpr Key kInfinity = Key(Key(kSign - 1) >> kMantissa << kMantissa);
  static __device__ __forceinline__ Key key(T x) {
    Key bits;
    memcpy(&bits, &x, sizeof x);
    const Key magnitude = Key(bits & Key(kSign - 1));
    const Key ordered = bits & kSign ? Key(~bits) : Key(bits | kSign);
    return magnitude > kInfinity ? Key(~Key(0)) : magnitude == 0 ? kSign : ordered;
  }
  static __device__ __forceinline__ T element(Key key) {
    const Key bits = key & kSign ? Key(key & Key(kSign - 1)) : Key(~key);
    T x;
    memcpy(&x, &bits, sizeof x);
    return x;
  }
  static __device__ __forceinline__ bool exact(Key key) { return key != kSign && key != Key(~Key(0)); }
};
template <>
struct KeyOf<half_t> : FloatKeyOf<half_t, uint16_t, 10> {};
template <>
struct KeyOf<bfloat16_t> : FloatKeyOf<bfloat16_t, uint16_t, 7> {};
template <>
struct KeyOf<float> : FloatKeyOf<float, uint32_t, 23> {};
template <>
struct KeyOf<double> : FloatKeyOf<double, uint64_t, 52> {};

// --- sources and sinks of items -------------------------------------------------------------------------

template <class T>
struct Elements {
  using Keys = KeyOf<T>;
  using Key = typename Keys::Key;
  const T* x;
  int64_t n;
  Key turn;  // all ones: descending

  __device__ __forceinline__ ItemOf<Key> operator()(int64_t line, int64_t i) const {
    return ItemOf<Key>::make(Key(Keys::key(x[line * n + i]) ^ turn), uint32_t(i));
  }
};

template <class Item>
struct Items {
  Item* items;
  int64_t n;

  __device__ __forceinline__ Item operator()(int64_t line, int64_t i) const { return items[line * n + i]; }
  __device__ __forceinline__ void operator()(int64_t line, int64_t i, Item item) const { items[line * n + i] = item; }
};

template <class T>
struct Result {
  using Keys = KeyOf<T>;
  using Key = typename Keys::Key;
  const T* x;
  T* values;
  int64_t* indices;
  int64_t n, first, k;  // elements [first, k) of the sorted line are wanted
  Key turn;

  __device__ __forceinline__ void put(int64_t line, int64_t i, Key turned, uint32_t position) const {
    if (i < first) return;
    const Key key = Key(turned ^ turn);
    const int64_t at = line * (k - first) + i - first;
    indices[at] = position;
    values[at] = Keys::exact(key) ? Keys::element(key) : x[line * n + position];
  }
  __device__ __forceinline__ void operator()(int64_t line, int64_t i, ItemOf<Key> item) const {
    put(line, i, Key(item.key()), item.position());
  }
};

// --- long lines -------------------------------------------------------------------------------------------

template <class T>
__global__ void __launch_bounds__(256) make_keys(Elements<T> elements, typename KeyOf<T>::Key* keys, int64_t count) {
  for (int64_t i = grid_index(); i < count; i += grid_stride())
    keys[i] = typename KeyOf<T>::Key(KeyOf<T>::key(elements.x[i]) ^ elements.turn);
}
template <class T>
__global__ void __launch_bounds__(256)
    give_out(Result<T> result, const typename KeyOf<T>::Key* keys, const uint32_t* positions, int64_t count) {
  for (int64_t i = grid_index(); i < count; i += grid_stride()) {
    const int64_t wanted = result.k - result.first;
    const int64_t line = i / wanted, j = i - line * wanted + result.first;
    result.put(line, j, keys[line * result.n + j], positions[line * result.n + j]);
  }
}

template <class T>
void sort_as(const SortArgs& args, GpuStream stream) {
  using Key = typename KeyOf<T>::Key;
  using Item = ItemOf<Key>;
  const int64_t rows = args.rows, n = args.n, k = args.k;
  const Key turn = args.descending ? Key(~Key(0)) : Key(0);
  const auto* x = static_cast<const T*>(args.x);
  const Elements<T> elements{x, n, turn};
  const Result<T> result{x, static_cast<T*>(args.values), args.indices, n, args.first, k, turn};
  if (n <= kTile) return run_sort_tiles<Item>(stream, elements, result, rows, n, int(k));

  if (k <= kKnockout) {
    const auto left = [k](int64_t items) { return (items + kTile - 1) / kTile * k; };
    const int device = gpu::current_device();
    const gpu::Scratch first(size_t(rows * left(n)) * sizeof(Item), device, stream);
    const gpu::Scratch second(size_t(rows * left(left(n))) * sizeof(Item), device, stream);
    Items<Item> from{first.data<Item>(), left(n)}, to{second.data<Item>(), 0};
    run_sort_tiles<Item>(stream, elements, from, rows, n, int(k));
    while (from.n > kTile) {
      to.n = left(from.n);
      run_sort_tiles<Item>(stream, from, to, rows, from.n, int(k));
      const Items<Item> swapped = from;
      from = to;
      to = swapped;
    }
    return run_sort_tiles<Item>(stream, from, result, rows, from.n, int(k));
  }

  RadixSort<Key> sort(rows, n, 8 * int(sizeof(Key)), stream);
  const Grid all = grid_for(rows * n), wanted = grid_for(rows * (k - args.first));
  launch(stream, all.blocks, all.threads, 0, make_keys<T>, elements, sort.keys(), rows * n);
  sort.run();
  launch(stream, wanted.blocks, wanted.threads, 0, give_out<T>, result, static_cast<const Key*>(sort.keys()),
         static_cast<const uint32_t*>(sort.positions()), rows * (k - args.first));
}

// --- medians and modes ------------------------------------------------------------------------------------
// Lines are sorted whole; a block looks at each.

template <class Item>
struct SortedItems {
  const Item* items;
  int64_t n;
  __device__ __forceinline__ uint64_t key(int64_t line, int64_t i) const { return items[line * n + i].key(); }
  __device__ __forceinline__ uint32_t position(int64_t line, int64_t i) const { return items[line * n + i].position(); }
};
template <class Key>
struct SortedKeys {
  const Key* keys;
  const uint32_t* positions;
  int64_t n;
  __device__ __forceinline__ uint64_t key(int64_t line, int64_t i) const { return keys[line * n + i]; }
  __device__ __forceinline__ uint32_t position(int64_t line, int64_t i) const { return positions[line * n + i]; }
};

// The first of [begin, end) of a sorted line whose key is not below `key`.
template <class Sorted>
__device__ __forceinline__ int64_t first_from(const Sorted& sorted, int64_t line, int64_t begin, int64_t end,
                                              uint64_t key) {
  while (begin < end) {
    const int64_t middle = begin + (end - begin) / 2;
    if (sorted.key(line, middle) < key)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

constexpr int kPickThreads = 256;

template <class T, class Sorted>
__global__ void __launch_bounds__(kPickThreads) pick_from_sorted(Sorted sorted, PickArgs args) {
  constexpr uint64_t kNan = typename KeyOf<T>::Key(~uint64_t(0));
  const int64_t n = args.n;
  for (int64_t line = blockIdx.x; line < args.rows; line += gridDim.x) {
    const int64_t numbers = KeyOf<T>::kHasNan ? first_from(sorted, line, 0, n, kNan) : n;
    int64_t chosen = numbers == n || (args.pick == Pick::nanmedian && numbers > 0) ? (numbers - 1) / 2 : numbers;
    if (args.pick == Pick::mode) {
      // The longest run of equal numbers, the first of several: its length, above what is left of its place.
      uint64_t longest = 0;
      for (int64_t i = threadIdx.x; i < numbers; i += kPickThreads) {
        const uint64_t key = sorted.key(line, i);
        if (i > 0 && sorted.key(line, i - 1) == key) continue;
        const int64_t end = key == ~uint64_t(0) ? numbers : first_from(sorted, line, i + 1, numbers, key + 1);
        const uint64_t run = uint64_t(end - i) << 32 | uint32_t(~uint32_t(i));
        longest = run > longest ? run : longest;
      }
      longest = block_reduce<kPickThreads>(longest, Max{}, uint64_t(0));
      chosen = numbers == 0 ? 0 : int64_t(~uint32_t(longest)) + int64_t(longest >> 32) - 1;
    }
    if (threadIdx.x > 0) continue;
    const uint32_t position = sorted.position(line, chosen);
    args.indices[line] = position;
    static_cast<T*>(args.values)[line] = static_cast<const T*>(args.x)[line * n + position];
  }
}

template <class T>
void pick_as(const PickArgs& args, GpuStream stream) {
  using Key = typename KeyOf<T>::Key;
  using Item = ItemOf<Key>;
  const int64_t rows = args.rows, n = args.n;
  const Elements<T> elements{static_cast<const T*>(args.x), n, Key(0)};
  const unsigned blocks = blocks_for(rows, 1);
  if (n <= kTile) {
    const gpu::Scratch items(size_t(rows * n) * sizeof(Item), gpu::current_device(), stream);
    run_sort_tiles<Item>(stream, elements, Items<Item>{items.data<Item>(), n}, rows, n, int(n));
    const SortedItems<Item> sorted{items.data<Item>(), n};
    return launch(stream, blocks, kPickThreads, 0, pick_from_sorted<T, SortedItems<Item>>, sorted, args);
  }
  RadixSort<Key> sort(rows, n, 8 * int(sizeof(Key)), stream);
  const Grid all = grid_for(rows * n);
  launch(stream, all.blocks, all.threads, 0, make_keys<T>, elements, sort.keys(), rows * n);
  sort.run();
  const SortedKeys<Key> sorted{sort.keys(), sort.positions(), n};
  launch(stream, blocks, kPickThreads, 0, pick_from_sorted<T, SortedKeys<Key>>, sorted, args);
}

// --- search -----------------------------------------------------------------------------------------------

template <class T>
__global__ void __launch_bounds__(256) bisect(SearchArgs args) {
  const auto* sorted = static_cast<const T*>(args.sorted);
  for (int64_t i = grid_index(); i < args.rows * args.m; i += grid_stride()) {
    const T* line = sorted + (args.one_line ? 0 : i / args.m * args.n);
    const auto value = convert<Compute<T>>(static_cast<const T*>(args.values)[i]);
    int64_t low = 0, high = args.n;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      const auto element = convert<Compute<T>>(line[middle]);
      if (args.right ? element > value : element >= value) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    args.out[i] = low;
  }
}

// Bytes of bool are sorted and searched as they are.
template <class F>
void with_key(DType dtype, F&& f) {
  if (dtype == DType::bool_) return f(uint8_t{});
  with_dtype(dtype, [&](auto element) {
    if constexpr (!std::is_same_v<decltype(element), bool>) f(element);
  });
}

}  // namespace

void sort(const SortArgs& args, GpuStream stream) {
  if (args.rows == 0) return;
  with_key(args.dtype, [&](auto element) { sort_as<decltype(element)>(args, stream); });
}

void pick(const PickArgs& args, GpuStream stream) {
  if (args.rows == 0) return;
  with_key(args.dtype, [&](auto element) { pick_as<decltype(element)>(args, stream); });
}

void search(const SearchArgs& args, GpuStream stream) {
  const Grid grid = grid_for(args.rows * args.m);
  with_key(args.dtype,
           [&](auto element) { launch(stream, grid.blocks, grid.threads, 0, bisect<decltype(element)>, args); });
}

}  // namespace hotloop::sm80
