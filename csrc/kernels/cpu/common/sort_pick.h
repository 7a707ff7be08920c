// Medians and modes of lines (kernels/args/sort.h). A median is selected; a mode of few elements compares each with each,
// of many it sorts.
#pragma once

#include "kernels/cpu/common/sort.h"

namespace hotloop::HOTLOOP_ISA {

template <class Word>
struct LinePicker {
  using Item = ItemOf<Word>;
  const PickArgs& args;
  const Elements<Word> elements;
  const bool has_nan = elements.has_nan;
  const Word nan = elements.nan;

  int64_t median(const Line<Word>& line, bool skip_nan, void* memory) const {
    const int64_t nans = has_nan ? count_equal(line, nan) : 0, numbers = line.n - nans;
    if (nans > 0 && (numbers == 0 || !skip_nan)) return find_equal(line, nan, 0);
    return place_of_rank(line, (numbers - 1) / 2, static_cast<Word*>(memory));
  }

  int64_t mode(const Line<Word>& line, void* memory) const {
    return line.n <= kRankWords ? mode_of_few(line) : mode_of_many(line, memory);
  }

  int64_t mode_of_few(const Line<Word>& line) const {
    constexpr int L = kLanes<Word>;
    alignas(64) Word words[kRankWords + L], counts[kRankWords + L];
    const int n = int(line.n);
    line.words(0, 1, n, words);
    for (int i = 0; i < L; ++i) words[n + i] = 0;
    for (int v = 0; v < n; v += L) {
      const Vec<Word> mine = load(words + v);
      Vec<Word> count{};
      for (int j = 0; j < n; ++j) count -= (Vec<Word>)(broadcast(words[j]) == mine);
      store(counts + v, count);
    }
    int best = 0;
    Word most = 0;
    for (int i = 0; i < n; ++i) {
      const bool is_nan = has_nan && words[i] == nan;
      const Word count = is_nan ? 1 : counts[i];
      const bool better =
          count > most || (count == most && (words[i] < words[best] || (words[i] == words[best] && !is_nan)));
      best = better ? i : best;
      most = better ? count : most;
    }
    return best;
  }

  int64_t mode_of_many(const Line<Word>& line, void* memory) const {
    const int64_t n = line.n;
    Item* items = static_cast<Item*>(memory);
    make_items(line, items);
    const Item* sorted = sort_items(items, items + n, n, elements.bytes, reinterpret_cast<uint32_t*>(items + 2 * n));
    int64_t most = 0, place = sorted[0].position();
    for (int64_t begin = 0, end; begin < n; begin = end) {
      const Word word = sorted[begin].word();
      if (has_nan && word == nan) break;  // the last ones: no run of numbers is shorter
      for (end = begin + 1; end < n && sorted[end].word() == word;) ++end;
      if (end - begin <= most) continue;
      most = end - begin;
      place = sorted[end - 1].position();
    }
    return place;
  }

  size_t room() const {
    if (args.n <= kRankWords) return 0;
    if (args.pick == Pick::mode) return 2 * size_t(args.n) * sizeof(Item) + kSortCounters * sizeof(uint32_t);
    return size_t(selection_room(args.n, kLanes<Word>)) * sizeof(Word);
  }

  void run() const {
    const int64_t per_chunk = larger<int64_t>(kSortChunkWork / args.n, 1);
    for_chunks((args.rows + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
      const Workspace memory(room());
      for (int64_t r = chunk * per_chunk; r < smaller((chunk + 1) * per_chunk, args.rows); ++r) {
        const char* x = static_cast<const char*>(args.x) + r * args.n * elements.bytes;
        const Line<Word> line{elements, x, args.n};
        const int64_t place = args.pick == Pick::mode ? mode(line, memory.data())
                                                      : median(line, args.pick == Pick::nanmedian, memory.data());
        args.indices[r] = place;
        __builtin_memcpy(static_cast<char*>(args.values) + r * elements.bytes, x + place * elements.bytes,
                         size_t(elements.bytes));
      }
    });
  }
};

void pick(const PickArgs& args) {
  if (args.rows == 0) return;
  with_elements(args.dtype, [&]<class Word>(Elements<Word> elements) { LinePicker<Word>{args, elements}.run(); });
}

}  // namespace hotloop::HOTLOOP_ISA
