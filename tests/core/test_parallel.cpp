#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "core/error.h"
#include "core/parallel.h"

using namespace hotloop;

namespace {

// parallel_run of anything callable with a chunk.
template <class F>
void for_chunks(int64_t chunks, F body) {
  parallel_run(chunks, [](void* body, int64_t chunk) { (*static_cast<F*>(body))(chunk); }, &body);
}

int64_t parallel_sum(int64_t chunks) {
  std::atomic<int64_t> sum{0};
  for_chunks(chunks, [&](int64_t chunk) { sum += chunk; });
  return sum;
}

int64_t sum_below(int64_t n) { return n * (n - 1) / 2; }

void work_for(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

double cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

// A thread that keeps the pool busy while it lives.
class BusyPool {
 public:
  BusyPool()
      : thread_([this] {
          while (!stop_) {
            for_chunks(64, [this](int64_t) {
              work_for(std::chrono::microseconds(5));
              ++chunks_;
            });
          }
        }) {
    while (chunks_ < 64) {
      std::this_thread::yield();
    }
  }
  ~BusyPool() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> chunks_{0};
  std::thread thread_;
};

}  // namespace

TEST(parallel, no_thread_before_the_first_call) {
  NEEDS_THREADS_IN_CHILDREN();
  CHECK(check::passes_in_child(
      [] {
        set_num_threads(4);
        CHECK_EQUAL(num_threads(), 4);
        for_chunks(1, [](int64_t) {});
        CHECK_EQUAL(check::thread_count(), 1);
        for_chunks(2, [](int64_t) {});
        CHECK_EQUAL(check::thread_count(), 4);
      },
      5));
}

TEST(parallel, size_comes_from_the_environment) {
  if (kThreadSanitizer || kAddressSanitizer) {
    throw check::Skipped{"a sanitizer cannot be loaded twice"};
  }
  const auto size_with = [](const char* own, const char* openmp) {
    // A fresh copy of the library, for the size is asked for once.
    setenv("HOTLOOP_NUM_THREADS", own, 1);
    setenv("OMP_NUM_THREADS", openmp, 1);
    void* library = dlmopen(LM_ID_NEWLM, HOTLOOP_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != nullptr);
    const auto size = reinterpret_cast<int (*)()>(dlsym(library, "plugin_num_threads"));
    CHECK(size != nullptr);
    const int result = size != nullptr ? size() : -1;
    unsetenv("HOTLOOP_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
    return result;
  };
  CHECK_EQUAL(size_with("5", "3"), 5);
  CHECK_EQUAL(size_with("", "3,2"), 3);
  CHECK_EQUAL(size_with("wrong", "7"), 7);
}

TEST(parallel, every_chunk_runs_once) {
  for (int threads = 1; threads <= 8; ++threads) {
    set_num_threads(threads);
    CHECK_EQUAL(num_threads(), threads);
    for (int64_t chunks : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> runs(size_t(chunks) + 1);
      for_chunks(chunks, [&](int64_t chunk) { ++runs[size_t(chunk)]; });
      for (int64_t i = 0; i < chunks; ++i) {
        CHECK_EQUAL(runs[size_t(i)].load(), 1);
      }
      CHECK_EQUAL(runs[size_t(chunks)].load(), 0);
    }
  }
}

TEST(parallel, many_short_calls) {
  for (int threads : {2, 8}) {
    set_num_threads(threads);
    for (int i = 0; i < (kThreadSanitizer ? 2000 : 20000); ++i) {
      const int64_t chunks = 2 + i % 5;
      CHECK_EQUAL(parallel_sum(chunks), sum_below(chunks));
    }
  }
}

TEST(parallel, calls_after_a_sleep_wake_the_workers) {
  set_num_threads(2);
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> arrived{0};
    for_chunks(2, [&](int64_t) {
      ++arrived;
      while (arrived < 2) {  // ends only when two threads are inside at once
        std::this_thread::yield();
      }
    });
  }
}

TEST(parallel, set_num_threads_bounds_the_threads) {
  set_num_threads(8);
  parallel_sum(100);  // seven workers exist from here on
  for (int threads = 1; threads <= 4; ++threads) {
    set_num_threads(threads);
    std::atomic<int> inside{0}, most{0};
    for_chunks(200, [&](int64_t) {
      const int now = ++inside;
      int seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      work_for(std::chrono::microseconds(20));
      --inside;
    });
    CHECK(most <= threads);
  }
  CHECK_EQUAL(check::message_of<ValueError>([] { set_num_threads(0); }),
              std::string("set_num_threads: count must be between 1 and 1024, got 0"));
  CHECK_EQUAL(check::message_of<ValueError>([] { set_num_threads(5000); }),
              std::string("set_num_threads: count must be between 1 and 1024, got 5000"));
  CHECK_EQUAL(num_threads(), 4);
}

TEST(parallel, the_lowest_chunks_exception_is_rethrown) {
  for (int threads : {1, 2, 8}) {
    set_num_threads(threads);
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::atomic<int> ended{0};
      const std::string message = check::message_of<RuntimeError>([&] {
        for_chunks(40, [&](int64_t chunk) {
          ++ended;
          if (chunk == 7) {
            work_for(std::chrono::microseconds(30));  // so that a later one often throws first
          }
          if (chunk >= 7) {
            fail<RuntimeError>("chunk %d", int(chunk));
          }
        });
      });
      CHECK_EQUAL(message, std::string("chunk 7"));
      CHECK_EQUAL(ended.load(), 40);
      CHECK(!in_parallel_region());
      CHECK_EQUAL(parallel_sum(10), sum_below(10));
    }
  }
}

TEST(parallel, nested_calls_stay_on_their_thread) {
  set_num_threads(4);
  std::atomic<int64_t> sum{0};
  for_chunks(16, [&](int64_t) {
    CHECK(in_parallel_region());
    const auto outer = std::this_thread::get_id();
    for_chunks(10, [&](int64_t inner) {
      CHECK(std::this_thread::get_id() == outer);
      sum += inner;
    });
    CHECK(in_parallel_region());
  });
  CHECK_EQUAL(sum.load(), 16 * sum_below(10));
  CHECK(!in_parallel_region());
}

TEST(parallel, concurrent_callers) {
  set_num_threads(4);
  std::vector<std::thread> callers;
  for (int c = 0; c < 16; ++c) {
    callers.emplace_back([] {
      for (int i = 0; i < 500; ++i) {
        CHECK_EQUAL(parallel_sum(2 + i % 30), sum_below(2 + i % 30));
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
}

TEST(parallel, a_busy_pool_makes_nobody_wait) {
  set_num_threads(2);
  std::atomic<bool> holding{false}, done{false};
  std::thread holder([&] {
    for_chunks(2, [&](int64_t) {
      holding = true;
      while (!done) {
        std::this_thread::yield();
      }
    });
  });
  while (!holding) {
    std::this_thread::yield();
  }
  CHECK_EQUAL(parallel_sum(100), sum_below(100));  // would never return if it waited
  done = true;
  holder.join();
}

TEST(parallel, thread_count_changed_while_running) {
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (int i = 0; !stop; ++i) {
      set_num_threads(1 + i % 8);
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 2000; ++i) {
    CHECK_EQUAL(parallel_sum(20), sum_below(20));
  }
  stop = true;
  changer.join();
}

TEST(parallel, results_do_not_depend_on_threads) {
  const auto compute = [](int threads) {
    set_num_threads(threads);
    std::vector<float> partial(100);
    for_chunks(100, [&](int64_t chunk) {
      float sum = 0;
      for (int i = 0; i < 1000; ++i) {
        sum += std::sin(float(chunk * 1000 + i));
      }
      partial[size_t(chunk)] = sum;
    });
    float total = 0;
    for (float p : partial) {
      total += p;
    }
    return total;
  };
  const float alone = compute(1);
  for (int threads : {2, 3, 8}) {
    CHECK_EQUAL(compute(threads), alone);
  }
}

TEST(parallel, idle_workers_use_no_cpu) {
  set_num_threads(2);
  parallel_sum(100);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(cpu_seconds() - before < 0.003);
}

TEST(parallel, forks_while_busy_finish_within_a_second) {
  NEEDS_THREADS_IN_CHILDREN();
  set_num_threads(2);
  BusyPool busy;
  for (int i = 0; i < 200; ++i) {
    CHECK(check::passes_in_child(
        [] {
          CHECK_EQUAL(parallel_sum(50), sum_below(50));
          CHECK_EQUAL(check::thread_count(), 2);
          // And a grandchild.
          CHECK(check::passes_in_child([] { CHECK_EQUAL(parallel_sum(50), sum_below(50)); }, 1));
        },
        1));
  }
  CHECK_EQUAL(parallel_sum(50), sum_below(50));
}

TEST(parallel, exit_while_busy_is_clean) {
  for (int i = 0; i < 20; ++i) {
    CHECK(check::passes_in_child([] { execl(HOTLOOP_EXIT_PROGRAM, HOTLOOP_EXIT_PROGRAM, nullptr); }, 5));
  }
}

TEST(parallel, unloading_the_library_leaves_the_workers_alone) {
  NEEDS_THREADS_IN_CHILDREN();
  CHECK(check::passes_in_child(
      [] {
        void* library = dlopen(HOTLOOP_PLUGIN, RTLD_NOW | RTLD_LOCAL);
        CHECK(library != nullptr);
        const auto sum = reinterpret_cast<long (*)(long)>(dlsym(library, "plugin_sum"));
        CHECK_EQUAL(sum(100), long(sum_below(100)));
        dlclose(library);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK(check::thread_count() >= 2);  // asleep in code that must still be there
        CHECK_EQUAL(sum(100), long(sum_below(100)));
      },
      5));
}

namespace {

struct StridedPool {
  int threads = 3;
  std::atomic<int> calls{0};

  HostPool face() {
    return {this, [](void* user) { return static_cast<StridedPool*>(user)->threads; },
            [](void* user, int64_t chunks, ChunkFunction function, void* context) {
              StridedPool& self = *static_cast<StridedPool*>(user);
              ++self.calls;
              std::vector<std::thread> threads;
              for (int t = 0; t < self.threads; ++t) {
                threads.emplace_back([=, &self] {
                  for (int64_t i = t; i < chunks; i += self.threads) {
                    function(context, i);
                  }
                });
              }
              for (std::thread& thread : threads) {
                thread.join();
              }
            }};
  }
};

}  // namespace

TEST(parallel, a_host_pool_takes_over) {
  set_num_threads(2);
  StridedPool strided;
  const HostPool face = strided.face();
  use_host_pool(&face);
  CHECK_EQUAL(num_threads(), 3);
  CHECK_EQUAL(parallel_sum(100), sum_below(100));
  CHECK_EQUAL(strided.calls.load(), 1);
  for_chunks(10, [&](int64_t) {
    CHECK(in_parallel_region());
    CHECK_EQUAL(parallel_sum(10), sum_below(10));
  });
  CHECK_EQUAL(strided.calls.load(), 2);  // the nested calls ran inline
  CHECK_EQUAL(check::message_of<RuntimeError>([] {
                for_chunks(20, [](int64_t chunk) {
                  if (chunk > 4) {
                    fail<RuntimeError>("chunk %d", int(chunk));
                  }
                });
              }),
              std::string("chunk 5"));
  use_host_pool(nullptr);
  CHECK_EQUAL(num_threads(), 2);
  CHECK_EQUAL(parallel_sum(100), sum_below(100));
  CHECK_EQUAL(strided.calls.load(), 3);
}
