// Sorting by radix, selection by threshold, search by bisection (kernels/args/sort.h).
//
// A line's elements become items: an unsigned key, whose order is the wanted one, and the element's position. Items are
// all different and a smaller position is a smaller item, so that any way of ordering them is stable. Keys of up to 32
// bits share one 64-bit word with their position.
//
//   one element of each line      quickselect
//   n <= kSortInsertion           insertion
//   k <= n / kSelectShare         one pass keeps what is below the k-th best so far, then those k are sorted
//   k <= kSortInsertion, n / 2    quickselect, then insertion
//   else                          radix from the lowest digit; a digit that all items share costs nothing
#pragma once

#include "core/memory.h"
#include "kernels/args/sort.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/half.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kSortInsertion = 24;
constexpr int64_t kSortWideDigits = 16 * 1024;  // from here on digits of 11 bits: a pass less is worth 2048 counters
constexpr int64_t kSelectShare = 8;
constexpr int64_t kSelectBlock = 32;          // keys made at once: most blocks of a long line have none to be kept
constexpr int64_t kSelectSpare = 16;          // items beyond 2 k before the k-th best is looked for anew
constexpr int64_t kSortChunkWork = 4 * 1024;  // elements
constexpr int kSearchLanes = 8;               // bisections side by side, to hide the latency of their loads
constexpr int64_t kSearchChunk = 4 * 1024;    // values

// Keys and back. `exact` keys say all of their element; of others (zeros and NaN) the element itself is read.
template <class T, class U>
struct IntegerKey {
  using Key = U;
  static constexpr U flip = T(-1) < T(0) ? U(1) << (8 * sizeof(T) - 1) : U(0);
  static U key(T x) { return U(x) ^ flip; }
  static T element(U key) { return T(key ^ flip); }
  static bool exact(U) { return true; }
};
template <class T, class U, int kMantissa>
struct FloatKey {
  using Key = U;
  static constexpr U sign = U(1) << (8 * sizeof(T) - 1);
  static constexpr U infinity = U(U(sign - 1) >> kMantissa << kMantissa);
  static U key(T x) {
    U bits;
    __builtin_memcpy(&bits, &x, sizeof x);
    const U magnitude = bits & U(sign - 1);
    const U ordered = bits & sign ? U(~bits) : U(bits | sign);
    return magnitude > infinity ? U(~U(0)) : magnitude == 0 ? sign : ordered;
  }
  static T element(U key) {
    const U bits = key & sign ? U(key & U(sign - 1)) : U(~key);
    T x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
  }
  static bool exact(U key) { return key != sign && key != U(~U(0)); }
};
template <class T>
struct KeyOf;
template <>
struct KeyOf<uint8_t> : IntegerKey<uint8_t, uint8_t> {};
template <>
struct KeyOf<int8_t> : IntegerKey<int8_t, uint8_t> {};
template <>
struct KeyOf<int32_t> : IntegerKey<int32_t, uint32_t> {};
template <>
struct KeyOf<int64_t> : IntegerKey<int64_t, uint64_t> {};
template <>
struct KeyOf<half_t> : FloatKey<half_t, uint16_t, 10> {};
template <>
struct KeyOf<bfloat16_t> : FloatKey<bfloat16_t, uint16_t, 7> {};
template <>
struct KeyOf<float> : FloatKey<float, uint32_t, 23> {};
template <>
struct KeyOf<double> : FloatKey<double, uint64_t, 52> {};

struct PackedItem {
  uint64_t word;
  static PackedItem make(uint64_t key, int64_t index) { return {key << 32 | uint64_t(index)}; }
  uint64_t key() const { return word >> 32; }
  int64_t index() const { return int64_t(word & 0xffffffffu); }
  bool below(PackedItem other) const { return word < other.word; }
};
struct WideItem {
  uint64_t word;
  int64_t position;
  static WideItem make(uint64_t key, int64_t index) { return {key, index}; }
  uint64_t key() const { return word; }
  int64_t index() const { return position; }
  bool below(WideItem other) const { return word < other.word || (word == other.word && position < other.position); }
};
template <class T>
struct ItemOf {
  using type = PackedItem;
};
template <>
struct ItemOf<int64_t> {
  using type = WideItem;
};
template <>
struct ItemOf<double> {
  using type = WideItem;
};

template <class Item>
void insertion_sort(Item* items, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Item item = items[i];
    int64_t j = i;
    for (; j > 0 && item.below(items[j - 1]); --j) items[j] = items[j - 1];
    items[j] = item;
  }
}

// Sorts by the lowest kKeyBits of the keys, which the items come in the order of positions with; returns where the
// sorted items are: in `items` or in `other`.
template <int kKeyBits, int kDigit, class Item>
Item* radix_sort(Item* items, Item* other, int64_t n, uint32_t* counts) {
  constexpr int kPasses = (kKeyBits + kDigit - 1) / kDigit, kBuckets = 1 << kDigit;
  __builtin_memset(counts, 0, sizeof(uint32_t) * kPasses * kBuckets);
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t key = items[i].key();
#pragma GCC unroll 8
    for (int pass = 0; pass < kPasses; ++pass) ++counts[pass * kBuckets + int(key >> (pass * kDigit) & (kBuckets - 1))];
  }
  for (int pass = 0; pass < kPasses; ++pass) {
    uint32_t* count = counts + pass * kBuckets;
    const auto digit = [pass](Item item) { return int(item.key() >> (pass * kDigit) & (kBuckets - 1)); };
    if (count[digit(items[0])] == uint64_t(n)) continue;
    uint32_t before = 0;
    for (int b = 0; b < kBuckets; ++b) {
      const uint32_t own = count[b];
      count[b] = before;
      before += own;
    }
    for (int64_t i = 0; i < n; ++i) other[count[digit(items[i])]++] = items[i];
    Item* swapped = items;
    items = other;
    other = swapped;
  }
  return items;
}

constexpr int kSortCounters = 6 * 2048;  // six digits of 11 bits

template <int kKeyBits, class Item>
Item* sort_items(Item* items, Item* other, int64_t n, uint32_t* counts) {
  if (n <= kSortInsertion) {
    insertion_sort(items, n);
    return items;
  }
  if (kKeyBits > 16 && n >= kSortWideDigits) return radix_sort<kKeyBits, 11>(items, other, n, counts);
  return radix_sort<kKeyBits, 8>(items, other, n, counts);
}

// Puts the item that sorting would leave at `at` there, and those below it before it, in any order.
template <class Item>
void select_items(Item* items, int64_t n, int64_t at) {
  int64_t low = 0, high = n;  // the wanted item lies within
  while (high - low > 1) {
    // The median of three as pivot.
    Item a = items[low], b = items[low + (high - low) / 2], c = items[high - 1];
    if (b.below(a)) {
      const Item t = a;
      a = b;
      b = t;
    }
    const Item pivot = c.below(a) ? a : c.below(b) ? c : b;
    int64_t i = low, j = high - 1;
    while (i <= j) {
      while (items[i].below(pivot)) ++i;
      while (pivot.below(items[j])) --j;
      if (i > j) break;
      const Item t = items[i];
      items[i++] = items[j];
      items[j--] = t;
    }
    if (at <= j)
      high = j + 1;
    else if (at >= i)
      low = i;
    else
      return;
  }
}

template <class T>
void sort_rows(const SortArgs& args) {
  using Keys = KeyOf<T>;
  using Key = typename Keys::Key;
  using Item = typename ItemOf<T>::type;
  constexpr int kKeyBits = 8 * int(sizeof(T));
  const int64_t n = args.n, k = args.k;
  const int64_t first = args.first, wanted = k - first;
  const bool picks = wanted == 1 && k > kSortInsertion;
  const bool selects = !picks && k <= n / kSelectShare, few = !picks && !selects && k <= kSortInsertion && k <= n / 2;
  const int64_t limit = 2 * k + kSelectSpare, capacity = selects ? limit + kSelectBlock : n;
  const Key turn = args.descending ? Key(~Key(0)) : Key(0);
  const int64_t per_chunk = larger<int64_t>(kSortChunkWork / n, 1);
  for_chunks((args.rows + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    const Workspace memory(sizeof(Item) * size_t(2 * capacity) + sizeof(uint32_t) * kSortCounters);
    Item* items = static_cast<Item*>(memory.data());
    Item* other = items + capacity;
    uint32_t* counts = reinterpret_cast<uint32_t*>(other + capacity);
    for (int64_t r = chunk * per_chunk; r < smaller((chunk + 1) * per_chunk, args.rows); ++r) {
      const T* x = static_cast<const T*>(args.x) + r * n;
      int64_t count = n;
      if (selects) {
        // Items come in the order of their positions, so one whose key equals the worst kept key can't displace it.
        count = 0;
        Key worst = Key(~Key(0));
        bool full = false;
        Key keys[kSelectBlock];
        for (int64_t i = 0; i < n; i += kSelectBlock) {
          const int64_t block = smaller(kSelectBlock, n - i);
          if (full) {
            Key better = 0;
            for (int64_t j = 0; j < block; ++j) {
              keys[j] = Key(Keys::key(x[i + j]) ^ turn);
              better |= Key(keys[j] < worst);
            }
            if (!better) continue;
            for (int64_t j = 0; j < block; ++j) {
              items[count] = Item::make(keys[j], i + j);
              count += keys[j] < worst;
            }
          } else {
            for (int64_t j = 0; j < block; ++j) items[count++] = Item::make(Key(Keys::key(x[i + j]) ^ turn), i + j);
          }
          if (count <= limit) continue;
          select_items(items, count, k - 1);
          worst = 0;
          for (int64_t j = 0; j < k; ++j) worst = larger(worst, Key(items[j].key()));
          full = true;
          count = k;
        }
        if (count > k) select_items(items, count, k - 1);
        count = k;
      } else {
        for (int64_t i = 0; i < n; ++i) items[i] = Item::make(Key(Keys::key(x[i]) ^ turn), i);
        if (picks) {
          select_items(items, n, first);
          items[0] = items[first];
          count = 1;
        } else if (few) {
          select_items(items, n, k - 1);
          count = k;
        }
      }
      if (selects && k > kSortInsertion) {
        // The radix passes want items in the order of their positions.
        Item* by_position = other;
        for (int64_t j = 0; j < k; ++j) by_position[j] = Item::make(uint64_t(items[j].index()), j);
        by_position = sort_items<32>(by_position, by_position + k, k, counts);
        Item* ordered = by_position == other ? other + k : other;
        for (int64_t j = 0; j < k; ++j) ordered[j] = items[by_position[j].index()];
        for (int64_t j = 0; j < k; ++j) items[j] = ordered[j];
      }
      const Item* sorted = sort_items<kKeyBits>(items, other, count, counts) + (picks ? 0 : first);
      T* values = static_cast<T*>(args.values) + r * wanted;
      int64_t* indices = args.indices + r * wanted;
      for (int64_t i = 0; i < wanted; ++i) {
        const Key key = Key(Key(sorted[i].key()) ^ turn);
        indices[i] = sorted[i].index();
        values[i] = Keys::exact(key) ? Keys::element(key) : x[indices[i]];
      }
    }
  });
}

void sort(const SortArgs& args) {
  if (args.rows == 0) return;
  switch (args.dtype) {
    case DType::bool_:
    case DType::u8: return sort_rows<uint8_t>(args);
    case DType::i8: return sort_rows<int8_t>(args);
    case DType::i32: return sort_rows<int32_t>(args);
    case DType::i64: return sort_rows<int64_t>(args);
    case DType::f16: return sort_rows<half_t>(args);
    case DType::bf16: return sort_rows<bfloat16_t>(args);
    case DType::f32: return sort_rows<float>(args);
    case DType::f64: return sort_rows<double>(args);
  }
}

template <class T, bool kRight>
inline bool passes(T element, T value) {
  if constexpr (__is_same(T, half_t) || __is_same(T, bfloat16_t))
    return kRight ? !(to_f32(element) > to_f32(value)) : !(to_f32(element) >= to_f32(value));
  else
    return kRight ? !(element > value) : !(element >= value);
}

// Bisections of `sorted` for kCount values, in step with each other.
template <class T, bool kRight, int kCount>
inline void bisect(const T* sorted, int64_t n, const T* values, int64_t* out) {
  int64_t base[kCount] = {};
  for (int64_t left = n; left > 1;) {
    const int64_t half = left / 2;
#pragma GCC unroll 8
    for (int c = 0; c < kCount; ++c) base[c] += passes<T, kRight>(sorted[base[c] + half - 1], values[c]) ? half : 0;
    left -= half;
  }
  for (int c = 0; c < kCount; ++c) out[c] = base[c] + (n > 0 && passes<T, kRight>(sorted[base[c]], values[c]));
}

template <class T, bool kRight>
void search_rows(const SearchArgs& args) {
  const int64_t per_row = (args.m + kSearchChunk - 1) / kSearchChunk;
  for_chunks(args.rows * per_row, [&](int64_t chunk) {
    const int64_t row = chunk / per_row, end = row * args.m + smaller((chunk % per_row + 1) * kSearchChunk, args.m);
    const T* sorted = static_cast<const T*>(args.sorted) + (args.one_line ? 0 : row * args.n);
    const T* values = static_cast<const T*>(args.values);
    int64_t j = row * args.m + chunk % per_row * kSearchChunk;
    for (; j + kSearchLanes <= end; j += kSearchLanes)
      bisect<T, kRight, kSearchLanes>(sorted, args.n, values + j, args.out + j);
    for (; j < end; ++j) bisect<T, kRight, 1>(sorted, args.n, values + j, args.out + j);
  });
}

template <class T>
void search_as(const SearchArgs& args) {
  return args.right ? search_rows<T, true>(args) : search_rows<T, false>(args);
}

void search(const SearchArgs& args) {
  if (args.rows * args.m == 0) return;
  switch (args.dtype) {
    case DType::bool_:
    case DType::u8: return search_as<uint8_t>(args);
    case DType::i8: return search_as<int8_t>(args);
    case DType::i32: return search_as<int32_t>(args);
    case DType::i64: return search_as<int64_t>(args);
    case DType::f16: return search_as<half_t>(args);
    case DType::bf16: return search_as<bfloat16_t>(args);
    case DType::f32: return search_as<float>(args);
    case DType::f64: return search_as<double>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
