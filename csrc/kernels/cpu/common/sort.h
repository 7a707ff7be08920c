// Sorting by radix, selection by threshold, search by bisection (kernels/args/sort.h).
//
//   k <= kMostFirst, n / kFewShare   the few that groups of elements bound (sort_words.h)
//   n <= kRankWords                  ranks (sort_words.h)
//   one element of each line         selection (sort_words.h)
//   k <= n / kSelectShare            one pass keeps what is below the k-th best so far, then those k are sorted
//   else                             radix from the lowest digit; a digit that all items share costs nothing
//
// The last two make items: a word as an unsigned key, and the element's position. Items are all different and a smaller
// position is a smaller item. Keys of 32 bits share one 64-bit word with their position.
#pragma once

#include "core/memory.h"
#include "kernels/args/sort.h"
#include "kernels/cpu/common/element_bits.h"
#include "kernels/cpu/common/sort_words.h"
#include "kernels/cpu/common/transpose_tile.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kSortWideDigits = 16 * 1024;  // from here on digits of 11 bits: a pass less is worth 2048 counters
constexpr int64_t kFewShare = 4, kSelectShare = 8;
constexpr int64_t kSelectSpare = 16;          // items beyond 2 k before the k-th best is looked for anew
constexpr int64_t kSortChunkWork = 4 * 1024;  // elements
constexpr int kSortStrip = 64;   // bytes: lines side by side are put one behind another, a cache line of them
constexpr int kSearchLanes = 8;  // bisections side by side, to hide the latency of their loads
constexpr int64_t kSearchChunk = 4 * 1024;  // values

struct PackedItem {
  uint64_t packed;
  static PackedItem make(int32_t word, int64_t position) {
    return {uint64_t(uint32_t(word) ^ 0x80000000u) << 32 | uint64_t(position)};
  }
  uint64_t key() const { return packed >> 32; }
  int32_t word() const { return int32_t(uint32_t(packed >> 32) ^ 0x80000000u); }
  int64_t position() const { return int64_t(packed & 0xffffffffu); }
  bool below(PackedItem other) const { return packed < other.packed; }
};
struct WideItem {
  uint64_t unsigned_word;
  int64_t where;
  static WideItem make(int64_t word, int64_t position) { return {uint64_t(word) ^ uint64_t(1) << 63, position}; }
  uint64_t key() const { return unsigned_word; }
  int64_t word() const { return int64_t(unsigned_word ^ uint64_t(1) << 63); }
  int64_t position() const { return where; }
  bool below(WideItem other) const {
    return unsigned_word < other.unsigned_word || (unsigned_word == other.unsigned_word && where < other.where);
  }
};
template <class Word>
struct ItemType {
  using type = PackedItem;
};
template <>
struct ItemType<int64_t> {
  using type = WideItem;
};
template <class Word>
using ItemOf = typename ItemType<Word>::type;

// Sorts by the lowest kKeyBits of the keys, which the items come in the order of positions with; returns where the
// sorted items are: in `items` or in `other`.
template <int kKeyBits, int kDigit, class Item>
[[gnu::noinline]] Item* radix_sort(Item* items, Item* other, int64_t n, uint32_t* counts) {
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

inline PackedItem* sort_items(PackedItem* items, PackedItem* other, int64_t n, int bytes, uint32_t* counts) {
  if (bytes == 1) return radix_sort<8, 8>(items, other, n, counts);
  if (bytes == 2) return radix_sort<16, 8>(items, other, n, counts);
  return n < kSortWideDigits ? radix_sort<32, 8>(items, other, n, counts) : radix_sort<32, 11>(items, other, n, counts);
}
inline WideItem* sort_items(WideItem* items, WideItem* other, int64_t n, int, uint32_t* counts) {
  return n < kSortWideDigits ? radix_sort<64, 8>(items, other, n, counts) : radix_sort<64, 11>(items, other, n, counts);
}

template <class Word>
void make_items(const Line<Word>& line, ItemOf<Word>* items) {
  for_word_blocks(line, [&](const Word* words, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; ++i) items[first + i] = ItemOf<Word>::make(words[i], first + i);
    return true;
  });
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

// The first k items of the sorted line, in the order of their positions; items and spare have room for 2 k + kSelectSpare
// + kWordBlock. Returns k.
template <class Word>
int64_t select_first(const Line<Word>& line, int64_t k, ItemOf<Word>* items, ItemOf<Word>* spare) {
  using Item = ItemOf<Word>;
  int64_t count = 0;
  Word worst{};
  bool full = false;
  const auto drop = [&] {
    if (count == k) return;
    __builtin_memcpy(spare, items, size_t(count) * sizeof(Item));
    select_items(spare, count, k - 1);
    const Item last = spare[k - 1];
    int64_t kept = 0;
    for (int64_t i = 0; i < count; ++i) {
      items[kept] = items[i];
      kept += !last.below(items[i]);
    }
    count = kept;
    worst = last.word();  // what comes later has to be less
    full = true;
  };
  for_word_blocks(line, [&](const Word* words, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      items[count] = Item::make(words[i], first + i);
      count += !full || words[i] < worst;
    }
    if (count > 2 * k + kSelectSpare) drop();
    return true;
  });
  drop();
  return count;
}

[[gnu::noinline]] inline void lines_of_columns(DType dtype, const void* x, int64_t columns, int64_t n, int64_t count,
                                               void* to) {
  with_bits(dtype,
            [&]<class U>(U) { transpose_tile(static_cast<const U*>(x), columns, static_cast<U*>(to), n, count, n); });
}

// The elements [args.first, args.k) of one line.
template <class Word>
struct LineSorter {
  using Item = ItemOf<Word>;
  const SortArgs& args;
  const Elements<Word> elements;
  const bool few = args.k <= kMostFirst && args.k <= args.n / kFewShare, ranked = args.n <= kRankWords,
             one = args.k - args.first == 1, selects = args.k <= args.n / kSelectShare;
  const int64_t items = selects ? 2 * args.k + kSelectSpare + kWordBlock : args.n;

  size_t room() const {
    if (few || ranked) return 0;
    if (one) return sizeof(Word) * size_t(selection_room(args.n, kLanes<Word>));
    return 2 * sizeof(Item) * size_t(items) + sizeof(uint32_t) * kSortCounters;
  }

  void sort(const void* x, int64_t* indices, void* memory) const {
    const Line<Word> line{elements, x, args.n, args.descending ? Word(-1) : Word(0)};
    const int64_t wanted = args.k - args.first;
    if (few || ranked) {
      alignas(64) Word words[kRankWords], places[kRankWords];
      if (few) {
        FirstPlaces<Word>(line, int(args.k), places);
      } else {
        line.words(0, 1, args.n, words);
        order_words(words, int(args.n), places);
      }
      for (int64_t i = 0; i < wanted; ++i) indices[i] = place_of(places[args.first + i]);
    } else if (one) {
      *indices = place_of_rank(line, args.first, static_cast<Word*>(memory));
    } else {
      Item *own = static_cast<Item*>(memory), *other = own + items;
      int64_t count = args.n;
      if (selects)
        count = select_first(line, args.k, own, other);
      else
        make_items(line, own);
      const Item* sorted = sort_items(own, other, count, elements.bytes, reinterpret_cast<uint32_t*>(other + items));
      for (int64_t i = 0; i < wanted; ++i) indices[i] = sorted[args.first + i].position();
    }
  }

  // Lines one behind another, of which the first is the r-th of all.
  void sort_lines(const void* x, int64_t r, int64_t count, void* memory) const {
    const int64_t wanted = args.k - args.first;
    int64_t* const indices = args.indices + r * wanted;
    for (int64_t i = 0; i < count; ++i)
      sort(static_cast<const char*>(x) + i * args.n * elements.bytes, indices + i * wanted, memory);
    with_bits(args.dtype, [&]<class U>(U) {
      U* const values = static_cast<U*>(args.values) + r * wanted;
      for (int64_t i = 0; i < count; ++i)
        for (int64_t j = i * wanted; j < (i + 1) * wanted; ++j)
          values[j] = static_cast<const U*>(x)[i * args.n + indices[j]];
    });
  }

  void run() const {
    const char* const x = static_cast<const char*>(args.x);
    const bool rows = args.columns == 1;
    const int64_t line = args.n * elements.bytes;
    const int64_t strip = rows ? larger<int64_t>(kSortChunkWork / args.n, 1) : kSortStrip / elements.bytes;
    const int64_t side = rows ? args.rows : args.columns;  // lines that a strip is cut from
    const int64_t per_side = (side + strip - 1) / strip, strips = args.rows / side * per_side;
    const int64_t per_chunk = rows ? 1 : larger<int64_t>(kSortChunkWork / (args.n * strip), 1);
    for_chunks((strips + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
      const size_t tile = rows ? 0 : size_t(smaller(strip, side) * line + 63) / 64 * 64;
      const Workspace memory(tile + room());
      char* const lines = static_cast<char*>(memory.data());
      for (int64_t i = chunk * per_chunk; i < smaller((chunk + 1) * per_chunk, strips); ++i) {
        const int64_t first = i % per_side * strip, r = i / per_side * side + first;
        const int64_t count = smaller(strip, side - first);
        if (!rows)
          lines_of_columns(args.dtype, x + i / per_side * side * line + first * elements.bytes, side, args.n, count,
                           lines);
        sort_lines(rows ? x + r * line : lines, r, count, lines + tile);
      }
    });
  }
};

void sort(const SortArgs& args) {
  if (args.rows == 0) return;
  if (args.n == 1) {
    __builtin_memcpy(args.values, args.x, size_t(args.rows * itemsize(args.dtype)));
    __builtin_memset(args.indices, 0, size_t(args.rows) * sizeof(int64_t));
    return;
  }
  with_elements(args.dtype, [&]<class Word>(Elements<Word> elements) { LineSorter<Word>{args, elements}.run(); });
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
