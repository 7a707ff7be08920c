// The GPU as headers of core know it.
#pragma once

namespace hotloop {

using GpuStream = void*;  // cudaStream_t

}  // namespace hotloop
