// The thread pool. Work is split by the problem, never by the number of threads: a kernel cuts its
// work into chunks whose number depends on the shape alone, and the pool hands chunks to threads.
#pragma once

#include <cstdint>

namespace hotloop {

using ChunkFunction = void (*)(void* context, int64_t chunk);

// Runs function(context, i) once for every i in [0, chunks), on the calling thread and the pool's;
// returns when all are done. A single chunk is a plain call. Runs in the calling thread alone inside another
// parallel_run, when the pool has one thread, or when another thread is using the pool at the moment.
// A chunk that throws does not keep the others from running; the exception of the lowest chunk is
// rethrown here after all have ended. fork() inside a chunk is the one thing not supported.
void parallel_run(int64_t chunks, ChunkFunction function, void* context);

// What parallel_run would use now; starts no thread. At first HOTLOOP_NUM_THREADS, else OMP_NUM_THREADS,
// else the CPUs that this process may use (core/cpu_count.h).
int num_threads();
void set_num_threads(int count);  // throws ValueError below 1 or above kMaxThreads
constexpr int kMaxThreads = 1024;
bool in_parallel_region();

// A host's own pool: run() must call function(context, i) once for every i < chunks and return when
// all are done. nullptr gives the pool back to hotloop.
struct HostPool {
  void* user;
  int (*size)(void* user);
  void (*run)(void* user, int64_t chunks, ChunkFunction function, void* context);
};
void use_host_pool(const HostPool* pool);

// Throws ValueError when HOTLOOP_NUM_THREADS is not a number of threads; until then it is ignored.
void check_threads_environment();

}  // namespace hotloop
