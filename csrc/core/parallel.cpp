// One pool, owned by one caller at a time; who finds it taken runs alone. Nothing here is ever
// destroyed: workers may sleep in it while the process exits, and a forked child may not touch what
// its parent's threads were in the middle of, so it forgets the pool and makes another.
#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <mutex>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include "core/cpu_count.h"
#include "core/error.h"
#include "core/futex.h"

namespace hotloop {

namespace {

// How long a thread that ran out of work looks for more before it sleeps. Waking a sleeper costs the
// waker 7 us and takes 20 to 30 us (measured on a virtual machine), so the ops of a training step, some
// tens of us apart, should find the pool awake.
constexpr auto kSpin = std::chrono::microseconds(50);

thread_local bool in_region = false;

class RegionGuard {
 public:
  RegionGuard() : before_(in_region) { in_region = true; }
  ~RegionGuard() { in_region = before_; }

 private:
  bool before_;
};

// Spins until done() or for kSpin; whether it is done.
template <class Condition>
bool spin_until(Condition done, bool may_spin) {
  if (done()) {
    return true;
  }
  if (!may_spin) {
    return false;
  }
  constexpr int kPausesBetweenClockReads = 16;
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesBetweenClockReads; ++i) {
      spin_pause();
      if (done()) {
        return true;
      }
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// Keeps the exception of the lowest chunk that threw, so that the error does not depend on timing.
class FirstError {
 public:
  void run(ChunkFunction function, void* context, int64_t chunk) noexcept {
    try {
      function(context, chunk);
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!error_ || chunk < chunk_) {
        error_ = std::current_exception();
        chunk_ = chunk;
      }
    }
  }

  void rethrow() {
    if (error_) [[unlikely]] {
      std::rethrow_exception(error_);
    }
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
  int64_t chunk_ = 0;
};

void run_alone(int64_t chunks, ChunkFunction function, void* context) {
  RegionGuard region;
  FirstError error;
  for (int64_t i = 0; i < chunks; ++i) {
    error.run(function, context, i);
  }
  error.rethrow();
}

class Pool {
 public:
  // False, and nothing done, when another thread has the pool.
  bool try_run(int64_t chunks, ChunkFunction function, void* context, int threads) {
    if (taken_.load(std::memory_order_relaxed) || taken_.exchange(true, std::memory_order_acquire)) {
      return false;
    }
    start_workers(threads - 1);
    spinners_.store(threads <= cpus_ ? threads - 1 : 0, std::memory_order_relaxed);
    FirstError error;
    job_ = {function, context, chunks, &error};
    next_.store(0, std::memory_order_relaxed);
    const int helpers = int(std::min<int64_t>(chunks - 1, std::min(threads - 1, workers_)));
    entry_.store(uint32_t(helpers) * kOneSeat, std::memory_order_release);
    wake(helpers);
    {
      RegionGuard region;
      work();
    }
    close();
    taken_.store(false, std::memory_order_release);
    error.rethrow();
    return true;
  }

 private:
  struct Job {
    ChunkFunction function;
    void* context;
    int64_t chunks;
    FirstError* error;
  };

  // entry_: who may join the job and who has. A worker joins by taking a seat in one compare and
  // swap, so it holds a job that stays until it leaves; the caller takes the free seats away and
  // waits for those inside, never for one that sleeps.
  static constexpr uint32_t kInsideMask = 0x7fffu;
  static constexpr uint32_t kCallerSleeps = 0x8000u;
  static constexpr uint32_t kOneSeat = 0x10000u;

  void work() {
    const Job job = job_;
    for (;;) {
      const int64_t chunk = next_.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= job.chunks) {
        return;
      }
      job.error->run(job.function, job.context, chunk);
    }
  }

  void close() {
    uint32_t entry = entry_.fetch_and(kInsideMask, std::memory_order_acquire) & kInsideMask;
    const auto empty = [&] { return (entry = entry_.load(std::memory_order_acquire)) == 0; };
    if (entry == 0 || spin_until(empty, spinners_.load(std::memory_order_relaxed) > 0)) {
      return;
    }
    entry_.fetch_or(kCallerSleeps, std::memory_order_relaxed);
    while (((entry = entry_.load(std::memory_order_acquire)) & kInsideMask) != 0) {
      futex_wait(entry_, entry);
    }
  }

  bool join() {
    uint32_t entry = entry_.load(std::memory_order_relaxed);
    while (entry >= kOneSeat) {
      if (entry_.compare_exchange_weak(entry, entry - kOneSeat + 1, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  void leave() {
    const uint32_t before = entry_.fetch_sub(1, std::memory_order_release);
    if ((before & (kInsideMask | kCallerSleeps)) == (kCallerSleeps | 1)) {
      futex_wake(entry_, 1);
    }
  }

  // The word that sleepers wait on changes before they are counted, and they count themselves before
  // they look at it: one of the two sides always sees the other.
  void wake(int helpers) {
    calls_.fetch_add(1, std::memory_order_seq_cst);
    const int asleep = sleepers_.load(std::memory_order_seq_cst);
    const int needed = helpers - (workers_ - asleep);
    if (needed > 0) {
      futex_wake(calls_, needed);
    }
  }

  [[noreturn]] void serve(int index) {
    in_region = true;
    for (;;) {
      const uint32_t seen = calls_.load(std::memory_order_seq_cst);
      if (join()) {
        work();
        leave();
      }
      const auto called = [&] { return calls_.load(std::memory_order_relaxed) != seen; };
      if (!spin_until(called, index < spinners_.load(std::memory_order_relaxed))) {
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        futex_wait(calls_, seen);
        sleepers_.fetch_sub(1, std::memory_order_seq_cst);
      }
    }
  }

  void start_workers(int count) {
    if (workers_ >= count) [[likely]] {
      return;
    }
    cpus_ = affinity_cpus();
    // Signals are the host's: none of its handlers may run on a worker.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (workers_ < count) {
      pthread_t thread;
      Start* start = new Start{this, workers_};
      if (pthread_create(&thread, nullptr, &Pool::enter, start) != 0) {
        delete start;
        break;  // the system gives no more: the call runs with those there are
      }
      pthread_detach(thread);
      ++workers_;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  struct Start {
    Pool* pool;
    int index;
  };

  static void* enter(void* opaque) {
    const Start start = *static_cast<Start*>(opaque);
    delete static_cast<Start*>(opaque);
#if defined(__linux__)
    // By the thread itself: to name another is to write to a file of /proc/self/task, and at the end of a
    // process that has opened one the kernel may spin (up to a second was seen on a busy machine) while both of
    // its threads drop what is cached of it.
    pthread_setname_np(pthread_self(), "hotloop");
#endif
    start.pool->serve(start.index);
  }

  alignas(64) std::atomic<bool> taken_{false};
  Job job_{};  // this and the next two: the owner's
  int workers_ = 0;
  int cpus_ = 1;
  std::atomic<int> spinners_{0};  // the first so many workers spin before they sleep
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<uint32_t> entry_{0};
  alignas(64) std::atomic<uint32_t> calls_{0};
  std::atomic<int> sleepers_{0};
};

constinit std::atomic<Pool*> the_pool{nullptr};

void forget_pool() { the_pool.store(nullptr, std::memory_order_relaxed); }
[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, forget_pool);

// Sleeping workers keep an address in this library: it must not be unloaded under them.
void pin_library() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&pin_library), &info) != 0 && info.dli_fname != nullptr) {
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

Pool& pool() {
  Pool* current = the_pool.load(std::memory_order_acquire);
  if (current == nullptr) [[unlikely]] {
    pin_library();
    Pool* fresh = new Pool;
    if (the_pool.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) {
      current = fresh;
    } else {
      delete fresh;
    }
  }
  return *current;
}

// The threads asked for, 0 while nobody has.
std::atomic<int> threads_wanted{0};

// The number at the start of text; 0 when there is none between 1 and kMaxThreads or, in the strict
// form, when anything follows it.
int parse_threads(const char* text, bool strict) {
  if (text == nullptr) {
    return 0;
  }
  char* end;
  const long count = std::strtol(text, &end, 10);
  const bool valid = end != text && count >= 1 && count <= kMaxThreads && !(strict && *end != '\0');
  return valid ? int(count) : 0;
}

int default_threads() {
  if (const int count = parse_threads(std::getenv("HOTLOOP_NUM_THREADS"), true)) {
    return count;
  }
  // OMP_NUM_THREADS may be a list, one number a nesting level: the first counts.
  if (const int count = parse_threads(std::getenv("OMP_NUM_THREADS"), false)) {
    return count;
  }
  return std::min(usable_cpus(), kMaxThreads);
}

// Copies of what use_host_pool was given. Kept for good, for a call may be under way in any of them.
struct HostPoolEntry {
  HostPool pool;
  HostPoolEntry* previous;
};
std::atomic<HostPoolEntry*> host_pools{nullptr};
std::atomic<const HostPool*> host_pool{nullptr};

// Exceptions must not pass through a host's code, and its threads must know that they are inside.
struct HostJob {
  ChunkFunction function;
  void* context;
  FirstError error;
};

void run_on_host(const HostPool& host, int64_t chunks, ChunkFunction function, void* context) {
  HostJob job{function, context, {}};
  const ChunkFunction guarded = [](void* opaque, int64_t chunk) {
    RegionGuard region;
    HostJob& job = *static_cast<HostJob*>(opaque);
    job.error.run(job.function, job.context, chunk);
  };
  host.run(host.user, chunks, guarded, &job);
  job.error.rethrow();
}

}  // namespace

void parallel_run(int64_t chunks, ChunkFunction function, void* context) {
  if (chunks == 1) {
    return function(context, 0);
  }
  if (!in_region) {
    if (const HostPool* host = host_pool.load(std::memory_order_acquire)) {
      return run_on_host(*host, chunks, function, context);
    }
    const int threads = num_threads();
    if (threads > 1 && pool().try_run(chunks, function, context, threads)) {
      return;
    }
  }
  run_alone(chunks, function, context);
}

int num_threads() {
  if (const HostPool* host = host_pool.load(std::memory_order_acquire)) {
    return host->size(host->user);
  }
  int count = threads_wanted.load(std::memory_order_relaxed);
  if (count == 0) [[unlikely]] {
    int unset = 0;
    count = default_threads();
    if (!threads_wanted.compare_exchange_strong(unset, count, std::memory_order_relaxed)) {
      count = unset;
    }
  }
  return count;
}

void set_num_threads(int count) {
  if (count < 1 || count > kMaxThreads) {
    fail<ValueError>("set_num_threads: count must be between 1 and %d, got %d", kMaxThreads, count);
  }
  threads_wanted.store(count, std::memory_order_relaxed);
}

bool in_parallel_region() { return in_region; }

void use_host_pool(const HostPool* pool) {
  if (pool == nullptr) {
    host_pool.store(nullptr, std::memory_order_release);
    return;
  }
  HostPoolEntry* entry = new HostPoolEntry{*pool, host_pools.load(std::memory_order_relaxed)};
  while (!host_pools.compare_exchange_weak(entry->previous, entry, std::memory_order_release)) {
  }
  host_pool.store(&entry->pool, std::memory_order_release);
}

void check_threads_environment() {
  const char* value = std::getenv("HOTLOOP_NUM_THREADS");
  if (value != nullptr && *value != '\0' && parse_threads(value, true) == 0) {
    fail<ValueError>("HOTLOOP_NUM_THREADS: must be a whole number between 1 and %d, got '%s'", kMaxThreads, value);
  }
}

}  // namespace hotloop
