#include "core/capture.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "core/error.h"

namespace hotloop::gpu {

namespace {

struct Lent {
  std::shared_ptr<GraphPool> pool;
  size_t bytes;
  GpuStream stream;
};

// Outlives every tensor.
struct Registry {
  std::mutex mutex;
  std::vector<Graph*> captures;  // under way
  std::unordered_map<void*, Lent> lent;
};
Registry& registry() {
  static auto* const all = new Registry;
  return *all;
}
// So that nobody who uses no graphs looks further.
constinit std::atomic<int> captures_under_way[kMaxDevices] = {}, all_captures{0}, lent_blocks{0};

// Blocks are as long as asked for, but for a rest: that those of other sizes can be used again.
constexpr size_t kBlockStep = 512;

}  // namespace

// --- memory -----------------------------------------------------------------------------------------
GraphPool::~GraphPool() {
  try {
    const DeviceGuard guard(device_);
    for (void* block : blocks_) driver::release_lasting(block);
  } catch (const Error&) {  // the driver is gone: so is the memory
  }
}

void* GraphPool::allocate(size_t bytes, GpuStream stream) {
  const size_t size = (bytes + kBlockStep - 1) / kBlockStep * kBlockStep;
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  void* pointer;
  size_t found = size;
  const auto best = free_.lower_bound({stream, size});
  if (best != free_.end() && best->first.first == stream && best->first.second <= 2 * size) {
    pointer = best->second;
    found = best->first.second;
    free_.erase(best);
  } else {
    pointer = driver::allocate_lasting(size);
    if (!pointer) return nullptr;
    blocks_.push_back(pointer);
  }
  all.lent[pointer] = {shared_from_this(), found, stream};
  lent_blocks.fetch_add(1, std::memory_order_relaxed);
  return pointer;
}

bool release_to_pool(void* pointer) noexcept {
  if (lent_blocks.load(std::memory_order_relaxed) == 0) return false;
  std::shared_ptr<GraphPool> last;  // lets go of it after the lock
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  const auto found = all.lent.find(pointer);
  if (found == all.lent.end()) return false;
  last = std::move(found->second.pool);
  last->free_.insert({{found->second.stream, found->second.bytes}, pointer});
  all.lent.erase(found);
  lent_blocks.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

// --- recording --------------------------------------------------------------------------------------
void Graph::begin(int device, GpuStream stream, std::shared_ptr<GraphPool> pool) {
  if (id_) fail<RuntimeError>("capture_begin: this graph is being captured already");
  if (pool && pool->device() != device)
    fail<ValueError>("capture_begin: the pool's memory is of cuda:%d, and the stream of cuda:%d", pool->device(),
                     device);
  if (capturing(stream)) fail<RuntimeError>("capture_begin: another graph is being captured on this stream");
  reset();
  device_ = device;
  stream_ = stream;
  pool_ = pool ? std::move(pool) : std::make_shared<GraphPool>(device);
  const DeviceGuard guard(device);
  fault_slot(device);  // pinned memory can't be had any more once this records
  numbers_ = static_cast<RandomState*>(driver::allocate_lasting(sizeof(RandomState)));
  if (!numbers_) fail<OutOfMemory>("cannot allocate %zu bytes on cuda:%d", sizeof(RandomState), device);
  driver::begin_capture(stream);
  id_ = driver::capture_id(stream);
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  all.captures.push_back(this);
  captures_under_way[device].fetch_add(1);
  all_captures.fetch_add(1);
}

// From here on its stream is an ordinary one.
void Graph::finish() noexcept {
  {
    Registry& all = registry();
    std::lock_guard lock(all.mutex);
    std::erase(all.captures, this);
  }
  captures_under_way[device_].fetch_sub(1);
  all_captures.fetch_sub(1);
  id_ = 0;
  for (void* pointer : releases_) driver::release(pointer, device_, stream_);
  releases_.clear();
}

void Graph::end() {
  if (!id_) fail<RuntimeError>("capture_end: no capture was begun");
  const DeviceGuard guard(device_);
  try {
    graph_ = driver::end_capture(stream_);
  } catch (...) {
    finish();
    reset();
    throw;
  }
  finish();
}

void Graph::abandon() noexcept {
  if (!id_) return reset();
  try {
    end();
  } catch (const Error&) {  // it may well be that it can't be replayed: nobody will
  }
  reset();
}

void Graph::replay() {
  if (id_ || !graph_) fail<RuntimeError>("replay: no graph was captured");
  const DeviceGuard guard(device_);
  const GpuStream stream = current_stream(device_);
  refuse_while_capturing(device_, stream, "a graph can't be replayed");
  if (number_blocks_) {
    const RandomState begin = default_generator().next_offset(int64_t(4 * number_blocks_));
    driver::copy(numbers_, &begin, sizeof begin, driver::Direction::from_host, stream);
  }
  driver::launch_graph(graph_, stream);
}

void Graph::reset() noexcept {
  if (id_) return abandon();
  try {
    const DeviceGuard guard(device_);
    if (graph_ && !any_capture(device_)) driver::synchronize_device();  // it may be running
    if (graph_) driver::delete_graph(graph_);
    if (numbers_) driver::release_lasting(numbers_);
  } catch (const Error&) {  // the driver is gone
  }
  graph_ = nullptr;
  numbers_ = nullptr;
  number_blocks_ = 0;
  kept_.clear();
  pool_.reset();
}

const void* Graph::keep(const void* from, size_t bytes) {
  const char* begin = static_cast<const char*>(from);
  return kept_.emplace_back(begin, begin + bytes).data();
}

RandomState Graph::take(int64_t words) {
  const uint64_t offset = number_blocks_;
  number_blocks_ += (uint64_t(words) + 3) / 4;
  return {0, offset};
}

// --- what others ask --------------------------------------------------------------------------------
Graph* capturing(GpuStream stream) {
  if (all_captures.load(std::memory_order_relaxed) == 0) return nullptr;
  const uint64_t id = driver::capture_id(stream);
  if (id == 0) return nullptr;
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  const auto found = std::ranges::find_if(all.captures, [&](const Graph* graph) { return graph->id_ == id; });
  return found == all.captures.end() ? nullptr : *found;
}

bool is_capturing(Device device) {
  return device.type == DeviceType::cuda && capturing(current_stream(device.index)) != nullptr;
}

bool any_capture(int device) { return captures_under_way[device].load(std::memory_order_relaxed) != 0; }

void refuse_while_capturing(int device, GpuStream stream, const char* what) {
  if (capturing(stream)) fail<CaptureError>("%s while a CUDA graph is captured on its stream of cuda:%d", what, device);
}

void copy_constant(void* to, const void* from, size_t bytes, int device) {
  Graph* graph = capturing(current_stream(device));
  if (!graph) return copy_from_host(to, from, bytes, device);
  const DeviceGuard guard(device);
  driver::copy(to, graph->keep(from, bytes), bytes, driver::Direction::from_host, current_stream(device));
}

Numbers take_numbers(Generator& generator, int64_t words, Device device) {
  Graph* graph = device.type == DeviceType::cuda ? capturing(current_stream(device.index)) : nullptr;
  if (!graph) return {generator.next_offset(words), nullptr};
  if (&generator != &default_generator())
    fail<CaptureError>("random numbers of a graph that is captured are the default generator's, not another's");
  return {graph->take(words), graph->numbers()};
}

}  // namespace hotloop::gpu
