#include "profile/roofline.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "core/cpu_features.h"
#include "core/error.h"
#include "core/memory.h"
#include "kernels/args/roofline.h"

namespace hotloop {

#define HOTLOOP_ROOFLINE(isa)                 \
  namespace isa {                             \
  void peak_f32(const ComputeArgs& args);     \
  void peak_f64(const ComputeArgs& args);     \
  void stream_read(const StreamArgs& args);   \
  void stream_copy(const StreamArgs& args);   \
  void stream_triad(const StreamArgs& args);  \
  void stream_update(const StreamArgs& args); \
  }
HOTLOOP_ROOFLINE(baseline)
#if defined(HOTLOOP_X86)
HOTLOOP_ROOFLINE(avx2)
HOTLOOP_ROOFLINE(avx512)
namespace avx512_bf16 {
void peak_bf16(const ComputeArgs& args);
}
namespace avx512_amx {
void peak_bf16(const ComputeArgs& args);
}
#endif
#undef HOTLOOP_ROOFLINE

namespace {

struct ComputeEntry {
  const char* name;
  Isa isa;
  DTypeSet dtypes;
  void (*function)(const ComputeArgs&);
};

constexpr DTypeSet kF16 = 1u << int(DType::f16), kBF16 = 1u << int(DType::bf16), kF32 = 1u << int(DType::f32),
                   kF64 = 1u << int(DType::f64);

// Best first. Where no instruction multiplies 16-bit floats, they are widened and multiplied as f32.
constexpr ComputeEntry kCompute[] = {
#if defined(HOTLOOP_X86)
    {"peak_bf16_avx512_amx", Isa::avx512_amx, kBF16, avx512_amx::peak_bf16},
    {"peak_bf16_avx512_bf16", Isa::avx512_bf16, kBF16, avx512_bf16::peak_bf16},
    {"peak_f32_avx512", Isa::avx512, kF32 | kF16 | kBF16, avx512::peak_f32},
    {"peak_f64_avx512", Isa::avx512, kF64, avx512::peak_f64},
    {"peak_f32_avx2", Isa::avx2, kF32 | kF16 | kBF16, avx2::peak_f32},
    {"peak_f64_avx2", Isa::avx2, kF64, avx2::peak_f64},
#endif
    {"peak_f32_baseline", Isa::baseline, kF32 | kF16 | kBF16, baseline::peak_f32},
    {"peak_f64_baseline", Isa::baseline, kF64, baseline::peak_f64},
};

using StreamFunction = void (*)(const StreamArgs&);
struct StreamEntry {
  Isa isa;
  const char* names[4];  // by Stream
  StreamFunction functions[4];
};

constexpr StreamEntry kStreams[] = {
#if defined(HOTLOOP_X86)
    {Isa::avx512,
     {"stream_read_avx512", "stream_copy_avx512", "stream_triad_avx512", "stream_update_avx512"},
     {avx512::stream_read, avx512::stream_copy, avx512::stream_triad, avx512::stream_update}},
    {Isa::avx2,
     {"stream_read_avx2", "stream_copy_avx2", "stream_triad_avx2", "stream_update_avx2"},
     {avx2::stream_read, avx2::stream_copy, avx2::stream_triad, avx2::stream_update}},
#endif
    {Isa::baseline,
     {"stream_read_baseline", "stream_copy_baseline", "stream_triad_baseline", "stream_update_baseline"},
     {baseline::stream_read, baseline::stream_copy, baseline::stream_triad, baseline::stream_update}},
};

constexpr int64_t kStreamGrain = 512;  // bytes; what the stream kernels take in one step, at most

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// Runs function(thread) on `threads` threads that start together; seconds until the last has ended.
// Not on the library's pool: this measures the machine, not the pool.
template <class F>
double time_together(int threads, const F& function) {
  if (threads == 1) {
    const double start = seconds_now();
    function(0);
    return seconds_now() - start;
  }
  enum Gate { closed, open, abandoned };
  std::atomic<Gate> gate{closed};
  std::atomic<int> waiting{0};
  std::vector<std::thread> others;
  others.reserve(size_t(threads) - 1);
  try {
    for (int t = 1; t < threads; ++t) {
      others.emplace_back([&, t] {
        waiting.fetch_add(1);
        while (gate.load(std::memory_order_acquire) == closed) std::this_thread::yield();
        if (gate.load() == open) function(t);
      });
    }
  } catch (...) {
    gate = abandoned;
    for (std::thread& thread : others) thread.join();
    throw;
  }
  while (waiting.load() != threads - 1) std::this_thread::yield();
  const double start = seconds_now();
  gate.store(open, std::memory_order_release);
  function(0);
  for (std::thread& thread : others) thread.join();
  return seconds_now() - start;
}

void check_threads(const char* op, int threads) {
  if (threads < 1) fail<ValueError>("%s: threads is %d; at least 1 is wanted", op, threads);
}

// Probes need at least the baseline, and tiles the system's leave.
Isa usable_isa() {
  const Isa isa = std::max(active_isa(), Isa::baseline);
  return isa == Isa::avx512_amx && !may_use_tiles() ? Isa::avx512_bf16 : isa;
}

}  // namespace

ComputeProbe::ComputeProbe(DType dtype, int threads) : function_(nullptr), threads_(threads) {
  check_threads("ComputeProbe", threads);
  const Isa isa = usable_isa();
  for (const ComputeEntry& entry : kCompute) {
    if (int(entry.isa) <= int(isa) && (entry.dtypes >> int(dtype) & 1)) {
      function_ = entry.function;
      kernel_ = entry.name;
      break;
    }
  }
  if (!function_)
    fail<TypeError>("ComputeProbe: dtype is %s; float16, bfloat16, float32 or float64 is wanted", name(dtype));
  double sink;
  function_({1, &flops_, &sink});
  flops_ *= threads;
}

double ComputeProbe::run(int64_t iterations) const {
  return time_together(threads_, [&](int) {
    double flops, sink;
    function_({iterations, &flops, &sink});
  });
}

StreamProbe::StreamProbe(Stream stream, int64_t footprint, int threads) : threads_(threads) {
  check_threads("StreamProbe", threads);
  const int arrays = stream == Stream::triad ? 3 : stream == Stream::copy ? 2 : 1;
  slice_ = footprint / (arrays * threads) / kStreamGrain * kStreamGrain;
  if (slice_ < kStreamGrain)
    fail<ValueError>("StreamProbe: footprint is %lld; at least %lld bytes are wanted for %d arrays on %d threads",
                     static_cast<long long>(footprint), static_cast<long long>(kStreamGrain) * arrays * threads, arrays,
                     threads);
  bytes_ = double(slice_) * (stream == Stream::update ? 2 : arrays) * threads;
  // Same offsets within a page would make loads wait for the stores before them.
  constexpr int64_t kStagger = 21 * 64;
  array_stride_ = (slice_ + 4095) / 4096 * 4096 + kStagger;
  thread_stride_ = array_stride_ * arrays;
  allocated_ = size_t(thread_stride_) * size_t(threads);

  const Isa isa = usable_isa();
  const StreamEntry& entry = *std::find_if(std::begin(kStreams), std::end(kStreams),
                                           [isa](const StreamEntry& e) { return int(e.isa) <= int(isa); });
  function_ = entry.functions[int(stream)];
  kernel_ = entry.names[int(stream)];

  memory_ = static_cast<std::byte*>(allocate(allocated_));
  std::memset(memory_, 0, allocated_);
}

StreamProbe::~StreamProbe() { deallocate(memory_, allocated_); }

double StreamProbe::run(int64_t repeats, StreamWay way) const {
  return time_together(threads_, [&](int thread) {
    std::byte* target = memory_ + thread * thread_stride_;
    // Of one array, what the others would be is never touched.
    const std::byte* source = thread_stride_ == array_stride_ ? target : target + array_stride_;
    double sink;
    function_({target, source, source + array_stride_, slice_, repeats, way, &sink});
  });
}

}  // namespace hotloop
