// Returns from main while other threads use the pool and the allocator: must end with exit code 0.
#include <atomic>
#include <thread>

#include "core/memory.h"
#include "core/parallel.h"

int main() {
  hotloop::set_num_threads(3);
  static std::atomic<int> rounds{0};
  for (int i = 0; i < 2; ++i) {
    std::thread([] {
      for (;;) {
        hotloop::parallel_run(8, [](void*, int64_t) { hotloop::Workspace scratch(1000); }, nullptr);
        ++rounds;
      }
    }).detach();
  }
  while (rounds < 100) {
    std::this_thread::yield();
  }
  return 0;
}
