// The thread pool. Work is split by the problem, never by the number of threads: a kernel cuts its
// work into chunks whose number depends on the shape alone, and the pool hands chunks to threads.
#pragma once

#include <cstdint>

namespace hotloop {

using ChunkFunction = void (*)(void* context, int64_t chunk);

// Runs function(context, i) once for every i in [0, chunks), on the calling thread and the pool's;
// returns when all are done. Runs in the calling thread alone when chunks == 1, inside another
// parallel_run, or when the pool has one thread. The first exception thrown by a chunk is rethrown
// here after all chunks have ended.
void parallel_run(int64_t chunks, ChunkFunction function, void* context);

int num_threads();               // what parallel_run would use now; starts no thread
void set_num_threads(int count); // throws ValueError below 1
bool in_parallel_region();

// A host's own pool: run() must call function(context, i) once for every i < chunks and return when
// all are done. nullptr gives the pool back to hotloop.
struct HostPool {
  void* user;
  int (*size)(void* user);
  void (*run)(void* user, int64_t chunks, ChunkFunction function, void* context);
};
void use_host_pool(const HostPool* pool);

}  // namespace hotloop
