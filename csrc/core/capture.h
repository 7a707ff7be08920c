// CUDA graphs: the work that a stream is given, recorded instead of done, and given to the GPU again as often as one
// likes, all of it in one call and without the host's part. What the recording saw is what each replay does: the same
// kernels, the same memory, the same numbers. So memory taken while a graph is captured comes from a pool of its own and
// stays reserved while the graph lives, and what must change (rates, counts, where random numbers begin) is read from
// the GPU's memory.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/gpu.h"
#include "core/random.h"

namespace hotloop::gpu {

// Memory for graphs that are never replayed at once. It lives as long as a graph or a tensor in it.
class GraphPool : public std::enable_shared_from_this<GraphPool> {
 public:
  explicit GraphPool(int device) : device_(device) {}
  ~GraphPool();
  GraphPool(const GraphPool&) = delete;
  GraphPool& operator=(const GraphPool&) = delete;

  int device() const { return device_; }
  // For work on `stream`, as is what was released there before. Null: out of memory.
  void* allocate(size_t bytes, GpuStream stream);

 private:
  friend bool release_to_pool(void* pointer) noexcept;
  int device_;
  std::vector<void*> blocks_;
  std::multimap<std::pair<GpuStream, size_t>, void*> free_;
};

class Graph {
 public:
  Graph() = default;
  ~Graph() { reset(); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Records what `stream` is given from now on. Without a pool it makes one.
  void begin(int device, GpuStream stream, std::shared_ptr<GraphPool> pool);
  void end();               // throws where this can't be replayed; nothing is held then
  void abandon() noexcept;  // ends what is begun, and holds nothing
  void replay();            // on the device's current stream
  void reset() noexcept;    // holds nothing, and gives its memory back
  const std::shared_ptr<GraphPool>& pool() const { return pool_; }

  // A copy of what a recorded copy from the host reads.
  const void* keep(const void* from, size_t bytes);
  // Memory that was taken before, and let go by a stream that records: given back when it doesn't any more.
  void release_later(void* pointer) { releases_.push_back(pointer); }
  // The next numbers of the default generator; see `take_numbers`.
  RandomState take(int64_t words);
  const RandomState* numbers() const { return numbers_; }

 private:
  void finish() noexcept;

  int device_ = 0;
  GpuStream stream_ = nullptr;
  uint64_t id_ = 0;  // of the capture that is under way
  driver::GraphHandle graph_ = nullptr;
  std::shared_ptr<GraphPool> pool_;
  std::deque<std::vector<char>> kept_;
  std::vector<void*> releases_;
  RandomState* numbers_ = nullptr;  // GPU: where the numbers of a replay begin
  uint64_t number_blocks_ = 0;      // of one replay

  friend Graph* capturing(GpuStream stream);
};

// The graph that records this stream, or null.
Graph* capturing(GpuStream stream);
bool is_capturing(Device device);  // its current stream; false of the CPU
// Throws CaptureError where the stream is recorded: `what` can't be.
void refuse_while_capturing(int device, GpuStream stream, const char* what);
bool any_capture(int device);  // on any stream, by any thread

// Gives memory back to the pool of graphs that it is from; false where it is from none.
bool release_to_pool(void* pointer) noexcept;

// Copies a few bytes that the host has, where copy_from_host is refused while a graph is captured: the graph keeps them.
void copy_constant(void* to, const void* from, size_t bytes, int device);

// Takes the numbers for `words` 32-bit words. Where they are for a GPU whose stream is recorded, each replay takes new
// ones: `base` is where the GPU finds their beginning, and the offset counts from there.
struct Numbers {
  RandomState state;
  const RandomState* base;
};
Numbers take_numbers(Generator& generator, int64_t words, Device device);

}  // namespace hotloop::gpu
