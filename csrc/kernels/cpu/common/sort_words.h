// Elements as words, signed integers whose order is the wanted one: how few of them are ordered, and how one of many is
// found without ordering the others.
//
//   ranks      each word against each, lanes side by side: no branch and no memory but the words
//   the first  the least of each of some groups bound them
//   selection  a sample brackets the wanted word, one pass keeps what lies between (a quarter), and so on
#pragma once

#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/half.h"

namespace hotloop::HOTLOOP_ISA {

// Up to kRankWords are ranked; a bracket is kSampleMargin places of the sample to both sides, about two deviations.
#if defined(__AVX512F__)
constexpr int kRankWords = 128, kSample = 64, kSampleMargin = 8;
#else
constexpr int kRankWords = 64, kSample = 32, kSampleMargin = 5;
#endif
constexpr int64_t kWordBlock = 512;  // words made at once

template <bool kWide>
struct WordType {
  using type = int32_t;
};
template <>
struct WordType<true> {
  using type = int64_t;
};
template <bool kWide>
using WordOf = typename WordType<kWide>::type;

// Words of elements of up to 4 bytes have 32 bits, those of less than 4 are not negative.
template <class T>
struct Words {  // integers
  using Word = WordOf<sizeof(T) == 8>;
  static constexpr bool has_nan = false;
  static constexpr Word nan = 0;
  static Word of(T x) { return sizeof(T) < 4 && T(-1) < T(0) ? Word(x) + 128 : Word(x); }
};
// Both zeros have one word, and every NaN the largest.
template <class T, class Bits, int kMantissa>
struct FloatWords {
  using Word = WordOf<sizeof(T) == 8>;
  static constexpr Bits largest = Bits(~(uint64_t(1) << (8 * sizeof(T) - 1)));
  static constexpr Bits infinity = Bits(largest >> kMantissa << kMantissa);
  static constexpr Word zero = sizeof(T) == 2 ? 0x8000 : 0;
  static constexpr bool has_nan = true;
  static constexpr Word nan = zero + largest;
  static Word of(T x) {
    Bits bits;
    __builtin_memcpy(&bits, &x, sizeof x);
    const Bits magnitude = Bits(bits & largest), ordered = bits < 0 ? Bits(bits ^ largest) : bits;
    return zero + (magnitude > infinity ? largest : magnitude == 0 ? Bits(0) : ordered);
  }
};
template <>
struct Words<half_t> : FloatWords<half_t, int16_t, 10> {};
template <>
struct Words<bfloat16_t> : FloatWords<bfloat16_t, int16_t, 7> {};
template <>
struct Words<float> : FloatWords<float, int32_t, 23> {};
template <>
struct Words<double> : FloatWords<double, int64_t, 52> {};

// What kernels ask of a dtype, which are compiled for 32 bits and for 64.
template <class Word>
struct Elements {
  int bytes;
  bool has_nan;
  Word nan;
  void (*make)(const void* x, int64_t first, int64_t step, int64_t count, Word* words);
};
template <class T>
void make_words(const void* x, int64_t first, int64_t step, int64_t count, typename Words<T>::Word* words) {
  const T* from = static_cast<const T*>(x) + first;
  if (step == 1)
    for (int64_t i = 0; i < count; ++i) words[i] = Words<T>::of(from[i]);
  else
#pragma GCC unroll 1
    for (int64_t i = 0; i < count; ++i) words[i] = Words<T>::of(from[i * step]);
}
template <class T>
constexpr Elements<typename Words<T>::Word> elements_of() {
  return {int(sizeof(T)), Words<T>::has_nan, Words<T>::nan, make_words<T>};
}
template <class F>
void with_elements(DType dtype, F&& f) {
  switch (dtype) {
    case DType::bool_:
    case DType::u8: return f(elements_of<uint8_t>());
    case DType::i8: return f(elements_of<int8_t>());
    case DType::i32: return f(elements_of<int32_t>());
    case DType::i64: return f(elements_of<int64_t>());
    case DType::f16: return f(elements_of<half_t>());
    case DType::bf16: return f(elements_of<bfloat16_t>());
    case DType::f32: return f(elements_of<float>());
    case DType::f64: return f(elements_of<double>());
  }
}

// A line of n elements as words, made where they are asked for; turn = -1: descending.
template <class Word>
struct Line {
  Elements<Word> elements;
  const void* x;
  int64_t n;
  Word turn = 0;

  void words(int64_t first, int64_t step, int64_t count, Word* to) const {
    elements.make(x, first, step, count, to);
    if (turn)
      for (int64_t i = 0; i < count; ++i) to[i] ^= turn;
  }
};

// order[r] = the place of the word with r before it, of equal ones the first first.
template <class Word>
[[gnu::noinline]] void order_words(const Word* words, int n, Word* order) {
  constexpr int L = kLanes<Word>;
  using V = Vec<Word>;
  V lane;
  for (int i = 0; i < L; ++i) lane[i] = Word(i);
  for (int v = 0; v < n; v += L) {
    const int lanes = smaller(L, n - v);
    const V mine = lanes == L ? load(words + v) : load_partial(words + v, lanes);
    V before{};
    int j = 0;
#pragma GCC unroll 4
    for (; j < v; ++j) before = broadcast(words[j]) <= mine ? before + Word(1) : before;
    for (; j < v + lanes; ++j) {
      const V other = broadcast(words[j]);
      before = (other < mine) | ((other == mine) & (lane > Word(j - v))) ? before + Word(1) : before;
    }
#pragma GCC unroll 4
    for (; j < n; ++j) before = broadcast(words[j]) < mine ? before + Word(1) : before;
    alignas(64) Word ranks[L];
    store(ranks, before);
    for (int i = 0; i < lanes; ++i) order[ranks[i]] = Word(v + i);
  }
}

// Calls f(words, first, count) of a line's blocks, for as long as it gives true.
template <class Word, class F>
void for_word_blocks(const Line<Word>& line, F&& f) {
  alignas(64) Word words[kWordBlock];
  for (int64_t first = 0; first < line.n; first += kWordBlock) {
    const int64_t count = smaller(kWordBlock, line.n - first);
    line.words(first, 1, count, words);
    if (!f(static_cast<const Word*>(words), first, count)) return;
  }
}

template <class Word>
int64_t count_equal(const Word* words, int64_t n, Word word) {
  Word count = 0;
  for (int64_t i = 0; i < n; ++i) count += words[i] == word;
  return count;
}
template <class Word>
[[gnu::noinline]] int64_t count_equal(const Line<Word>& line, Word word) {
  int64_t count = 0;
  for_word_blocks(line, [&](const Word* words, int64_t, int64_t n) {
    count += count_equal(words, n, word);
    return true;
  });
  return count;
}
// The place of the word that has `before` equal ones before it.
template <class Word>
[[gnu::noinline]] int64_t find_equal(const Line<Word>& line, Word word, int64_t before) {
  int64_t place = -1;
  for_word_blocks(line, [&](const Word* words, int64_t first, int64_t n) {
    const int64_t equal = count_equal(words, n, word);
    if (equal <= before) {
      before -= equal;
      return true;
    }
    for (int64_t i = 0; place < 0; ++i)
      if (words[i] == word && before-- == 0) place = first + i;
    return false;
  });
  return place;
}

// Appends the words in [low, high] to `kept`, which has room for a vector more; returns how many there are.
template <class Word>
inline int64_t keep_between(const Word* words, int64_t n, Word low, Word high, Word* kept, int64_t& below) {
  int64_t count = 0, i = 0;
#if defined(__AVX512F__)
  for (constexpr int L = kLanes<Word>; i < n; i += L) {
    const unsigned lanes = n - i >= L ? (1u << L) - 1 : (1u << (n - i)) - 1;
    const __m512i w = _mm512_loadu_si512(words + i);
    unsigned under, inside;
    if constexpr (sizeof(Word) == 4) {
      under = _mm512_mask_cmplt_epi32_mask(__mmask16(lanes), w, _mm512_set1_epi32(low));
      inside = _mm512_mask_cmple_epi32_mask(__mmask16(lanes & ~under), w, _mm512_set1_epi32(high));
      _mm512_storeu_si512(kept + count, _mm512_maskz_compress_epi32(__mmask16(inside), w));
    } else {
      under = _mm512_mask_cmplt_epi64_mask(__mmask8(lanes), w, _mm512_set1_epi64(low));
      inside = _mm512_mask_cmple_epi64_mask(__mmask8(lanes & ~under), w, _mm512_set1_epi64(high));
      _mm512_storeu_si512(kept + count, _mm512_maskz_compress_epi64(__mmask8(inside), w));
    }
    below += __builtin_popcount(under);
    count += __builtin_popcount(inside);
  }
#else
  for (; i < n; ++i) {
    kept[count] = words[i];
    below += words[i] < low;
    count += words[i] >= low && words[i] <= high;
  }
#endif
  return count;
}

// Rounds that sample evenly; later ones do so here and there, for no line to have its extremes in all places of a sample.
constexpr int kEvenRounds = 4;

constexpr int64_t selection_room(int64_t n, int64_t lanes) { return n > kRankWords ? 2 * (n + lanes) : 0; }

// The place of the element that sorting the line stably would leave at `rank`. `room`: selection_room(n) words.
template <class Word>
[[gnu::noinline]] int64_t place_of_rank(const Line<Word>& whole, int64_t rank, Word* room) {
  constexpr Word kLeast = Word(uint64_t(1) << (8 * sizeof(Word) - 1)), kMost = Word(~kLeast);
  alignas(64) Word words[kRankWords], order[kRankWords];
  Line<Word> line = whole;
  Word *kept = room, *spare = whole.n > kRankWords ? room + whole.n + kLanes<Word> : nullptr;
  uint64_t seed = 0;
  bool narrow = false;
  for (int round = 0;; ++round) {
    if (line.n <= kRankWords) {
      line.words(0, 1, line.n, words);
      order_words(words, int(line.n), order);
      if (line.x == whole.x) return order[rank];
      const Word found = words[order[rank]];
      int64_t before = 0;
      while (before < rank && words[order[rank - before - 1]] == found) ++before;
      return find_equal(whole, found, before);
    }
    if (round < kEvenRounds) {
      const int64_t step = line.n / kSample;
      line.words((line.n - step * (kSample - 1)) / 2, step, kSample, words);
    } else {
      for (int i = 0; i < kSample; ++i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        line.words(int64_t((seed >> 32) % uint64_t(line.n)), 1, 1, words + i);
      }
    }
    order_words(words, kSample, order);
    // A bracket that left more than half is followed by one of a single word, which always leaves less.
    const int at = int(rank * kSample / line.n), margin = narrow ? 0 : kSampleMargin;
    Word low = narrow || at >= margin ? words[order[smaller(larger(at - margin, 0), kSample - 1)]] : kLeast;
    Word high = narrow || at + margin < kSample ? words[order[smaller(at + margin, kSample - 1)]] : kMost;
    int64_t count, below;
    for (;;) {
      count = below = 0;
      for_word_blocks(line, [&](const Word* block, int64_t, int64_t n) {
        count += keep_between(block, n, low, high, kept + count, below);
        return true;
      });
      if (rank < below) {
        high = Word(low - 1);
        low = kLeast;
      } else if (rank >= below + count) {
        low = Word(high + 1);
        high = kMost;
      } else {
        break;
      }
    }
    rank -= below;
    if (low == high) return find_equal(whole, low, rank);
    narrow = count > line.n / 2;
    line = {elements_of<Word>(), kept, count};
    Word* swapped = kept;
    kept = spare;
    spare = swapped;
  }
}

// Of a place that was kept in a word.
inline int64_t place_of(int32_t word) { return uint32_t(word); }
inline int64_t place_of(int64_t word) { return word; }

constexpr int kMostFirst = kRankWords / 2;  // places that first_places gives

// places[0, k) = where the first k elements of the sorted line stand. Groups of elements, of which each has a least one,
// say where the k-th can't be beyond; the few up to there are ordered.
template <class Word>
class FirstPlaces {
 public:
  FirstPlaces(const Line<Word>& line, int k, Word* places) : k_(k) {
    bound_ = bound_of(line);
    for_word_blocks(line, [&](const Word* words, int64_t first, int64_t n) { return keep(words, first, n); });
    order_words(words_, count_, order_);
    for (int i = 0; i < k; ++i) places[i] = places_[order_[i]];
  }

 private:
  static constexpr int L = kLanes<Word>;
  static constexpr int kFourVectors = smaller(4 * L, kRankWords);
  static constexpr int kTogether = 32;  // words, most of them beyond the bound
  static constexpr Word kLeast = Word(uint64_t(1) << (8 * sizeof(Word) - 1)), kMost = Word(~kLeast);

  Word bound_of(const Line<Word>& line) {
    // Four vectors of them where the line is long: a lane waits for its least from memory.
    const int needed = (k_ + k_ / 2 + L) / L * L,
              groups = line.n < 16 * kFourVectors ? needed : larger(needed, kFourVectors);
    for (int g = 0; g < groups; ++g) words_[g] = kMost;
    for_word_blocks(line, [&](const Word* words, int64_t, int64_t n) {
      int64_t i = 0;
      while (i + L <= n)
        for (int g = 0; g < groups && i + L <= n; g += L, i += L) {
          const Vec<Word> least = load(words_ + g), word = load(words + i);
          store(words_ + g, word < least ? word : least);
        }
      for (int g = 0; i < n; ++g, ++i) words_[g] = smaller(words_[g], words[i]);
      return true;
    });
    order_words(words_, groups, order_);
    return words_[order_[k_ - 1]];
  }

  bool keep(const Word* words, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; i += kTogether) {
      const int count = int(smaller<int64_t>(kTogether, n - i));
      Word within = 0;
      for (int j = 0; j < count; ++j) within |= words[i + j] <= bound_;
      if (!within) continue;
      for (int j = 0; j < count; ++j) {
        words_[count_] = words[i + j];
        places_[count_] = Word(first + i + j);
        count_ += words[i + j] <= bound_;
      }
      if (count_ > kRankWords && !drop()) return false;
    }
    return true;
  }

  // Keeps the first k. What comes later has to be less than the last of them; false: nothing is.
  bool drop() {
    Word words[kMostFirst], places[kMostFirst];
    order_words(words_, count_, order_);
    for (int i = 0; i < k_; ++i) {
      words[i] = words_[order_[i]];
      places[i] = places_[order_[i]];
    }
    __builtin_memcpy(words_, words, size_t(k_) * sizeof(Word));
    __builtin_memcpy(places_, places, size_t(k_) * sizeof(Word));
    count_ = k_;
    bound_ = Word(words[k_ - 1] - (words[k_ - 1] > kLeast));
    return words[k_ - 1] > kLeast;
  }

  int k_, count_ = 0;
  Word bound_ = 0;
  alignas(64) Word words_[kRankWords + kTogether + 1], places_[kRankWords + kTogether + 1];
  alignas(64) Word order_[kRankWords + kTogether];
};

}  // namespace hotloop::HOTLOOP_ISA
