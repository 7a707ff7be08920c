// Host memory that GPUs read and write by themselves, so that a copy to them needs nobody's hand while it lasts.
#pragma once

#include <cstddef>

#include "core/gpu.h"

namespace hotloop::gpu {

// Freed blocks are kept, and given out again once the copies that read them are done. Throws OutOfMemory.
void* allocate_pinned(size_t bytes);
void release_pinned(void* pointer) noexcept;  // one that allocate_pinned gave
bool is_pinned(const void* pointer);          // anywhere within a block

// Copies from pinned memory without waiting, on the current stream of `device`: what is read mustn't be changed before
// that stream has come by, but may be released at once.
void copy_from_pinned(void* to, const void* from, size_t bytes, int device);

}  // namespace hotloop::gpu
