// Histograms (kernels/args/histogram.h): bins are computed a batch at a time, then counted. Counting waits for the last count
// of the same bin, so that neighbours count in tables of their own, as chunks do.
#pragma once

#include "core/memory.h"
#include "kernels/args/histogram.h"
#include "kernels/cpu/common/chunks.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kCountTables = 4;
constexpr int64_t kCountBatch = 512;
constexpr int64_t kCountChunk = 64 * 1024;  // elements, or as many times the bins; tables hold 32 bits
constexpr int64_t kCountChunkBins = 8;
constexpr int64_t kMostCountChunks = 64;

// bin[i] of x[i]; `bins` where it has none.
template <class T>
void find_bins(const HistogramArgs& args, const T* __restrict__ x, int64_t* __restrict__ bin, int64_t count) {
  const T low = T(args.low), high = T(args.high), bins = T(args.bins), width = T(args.high - args.low);
  for (int64_t i = 0; i < count; ++i) {
    const bool inside = (x[i] >= low) & (x[i] <= high);
    const T place = inside ? (x[i] - low) * bins / width : T(0);
    const auto found = int64_t(place);
    const int64_t last = found < args.bins ? found : args.bins - 1;
    bin[i] = inside ? last : args.bins;
  }
}
inline const int64_t* bins_of(const HistogramArgs& args, int64_t first, int64_t count, int64_t* bin) {
  if (args.dtype == DType::i64) return static_cast<const int64_t*>(args.x) + first;
  args.dtype == DType::f32 ? find_bins(args, static_cast<const float*>(args.x) + first, bin, count)
                           : find_bins(args, static_cast<const double*>(args.x) + first, bin, count);
  return bin;
}

void histogram(const HistogramArgs& args) {
  const int64_t tables = args.bins <= kCountChunk ? kCountTables : 1;
  const int64_t step = (args.bins + 16) / 16 * 16;  // with one bin more for what has none
  int64_t chunk = larger(kCountChunk, kCountChunkBins * args.bins);
  while (chunk * kMostCountChunks < args.n) chunk *= 2;
  const int64_t chunks = larger<int64_t>((args.n + chunk - 1) / chunk, 1);
  Workspace memory(size_t(chunks * tables * step) * sizeof(uint32_t));
  auto* counts = static_cast<uint32_t*>(memory.data());
  for_chunks(chunks, [&](int64_t c) {
    uint32_t* const table = counts + c * tables * step;
    __builtin_memset(table, 0, size_t(tables * step) * sizeof(uint32_t));
    int64_t found[kCountBatch];
    const int64_t end = smaller((c + 1) * chunk, args.n), apart = tables > 1 ? step : 0;
    for (int64_t first = c * chunk; first < end; first += kCountBatch) {
      const int64_t count = smaller(kCountBatch, end - first);
      const int64_t* bin = bins_of(args, first, count, found);
      int64_t i = 0;
      for (; i + kCountTables <= count; i += kCountTables)
#pragma GCC unroll 4
        for (int t = 0; t < kCountTables; ++t) ++table[t * apart + bin[i + t]];
      for (; i < count; ++i) ++table[bin[i]];
    }
  });
  for (int64_t b = 0; b < args.bins; ++b) {
    int64_t sum = 0;
    for (int64_t t = 0; t < chunks * tables; ++t) sum += counts[t * step + b];
    args.counts[b] = sum;
  }
}

}  // namespace hotloop::HOTLOOP_ISA
