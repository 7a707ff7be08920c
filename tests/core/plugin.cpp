#include <atomic>

#include "core/memory.h"
#include "core/parallel.h"

extern "C" [[gnu::visibility("default")]] long plugin_sum(long chunks) {
  hotloop::set_num_threads(2);
  hotloop::Workspace scratch(1000);
  std::atomic<long> sum{0};
  hotloop::parallel_run(chunks, [](void* sum, int64_t chunk) { *static_cast<std::atomic<long>*>(sum) += chunk; }, &sum);
  return sum;
}

extern "C" [[gnu::visibility("default")]] int plugin_num_threads() { return hotloop::num_threads(); }
