// Measures what the machine can do at most, so that a kernel's speed can be told as a share of it. A
// probe is run for short windows in turn with the kernels that it judges: a machine that slows down
// for a while then slows both.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/args/roofline.h"

namespace hotloop {

// Independent multiply-adds (dot products of pairs for bf16, where the machine has them) in the best
// active instruction set.
class ComputeProbe {
 public:
  ComputeProbe(DType dtype, int threads);  // f16 f32 f64 bf16; TypeError for others
  const char* kernel() const { return kernel_; }
  double flops() const { return flops_; }  // of one iteration on all threads
  double run(int64_t iterations) const;    // seconds from the common start to the last thread's end

 private:
  void (*function_)(const struct ComputeArgs&);
  const char* kernel_;
  int threads_;
  double flops_;
};

enum class Stream { read, copy, triad, update };

// Streams through arrays that together take `footprint` bytes, shared out over the threads.
class StreamProbe {
 public:
  StreamProbe(Stream stream, int64_t footprint, int threads);
  ~StreamProbe();
  StreamProbe(const StreamProbe&) = delete;
  StreamProbe& operator=(const StreamProbe&) = delete;
  const char* kernel() const { return kernel_; }
  double bytes() const { return bytes_; }            // read and written by one repeat on all threads
  double run(int64_t repeats, StreamWay way) const;  // seconds, as above

 private:
  void (*function_)(const struct StreamArgs&);
  const char* kernel_;
  int threads_;
  double bytes_;
  int64_t slice_;         // bytes a thread and array
  int64_t array_stride_;  // from one array of a thread to the next
  int64_t thread_stride_;
  size_t allocated_;
  std::byte* memory_;
};

}  // namespace hotloop
