// HOTLOOP_HOST_DEVICE: for a function of a contract that the host's code and the GPU's both call.
#pragma once

#if defined(__CUDACC__)
#define HOTLOOP_HOST_DEVICE __host__ __device__
#else
#define HOTLOOP_HOST_DEVICE
#endif
