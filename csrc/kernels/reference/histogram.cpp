// A naive histogram; the arithmetic of a bin is that of the dtype.
#include "kernels/args/histogram.h"

namespace hotloop::reference {

template <class T>
static void count(const HistogramArgs& args) {
  const T low = T(args.low), high = T(args.high), bins = T(args.bins), width = T(args.high - args.low);
  for (int64_t i = 0; i < args.n; ++i) {
    const T x = static_cast<const T*>(args.x)[i];
    if (!(x >= low && x <= high)) continue;
    const T from_low = x - low, scaled = from_low * bins;
    const auto bin = int64_t(scaled / width);
    ++args.counts[bin < args.bins ? bin : args.bins - 1];
  }
}

void histogram(const HistogramArgs& args) {
  for (int64_t b = 0; b < args.bins; ++b) args.counts[b] = 0;
  if (args.dtype == DType::f32) return count<float>(args);
  if (args.dtype == DType::f64) return count<double>(args);
  for (int64_t i = 0; i < args.n; ++i) ++args.counts[static_cast<const int64_t*>(args.x)[i]];
}

}  // namespace hotloop::reference
