// launch(stream, grid, block, shared_bytes, kernel, arguments...): the one way in which kernels are begun, on the GPU
// and in the emulator. Arguments are converted to the kernel's parameters; what goes wrong is thrown as RuntimeError
// with the call, its file and line. A grid with no blocks launches nothing. Never run on a GPU yet.
#pragma once

#include <source_location>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/gpu.h"
#include "kernels/cuda/common/device.h"

#if !defined(__CUDACC__)
#include "kernels/cuda/emulator/grid.h"
#include "kernels/cuda/emulator/stream.h"
#endif

namespace hotloop::cuda {

// A stream that remembers the line it was given at.
struct LaunchStream {
  GpuStream stream;
  std::source_location where;

  LaunchStream(GpuStream stream, std::source_location where = std::source_location::current())
      : stream(stream), where(where) {}
};

#if defined(__CUDACC__)

inline void check(cudaError_t error, const char* expression, std::source_location where) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // forgotten where it can be, so that the next call is not blamed
  fail<RuntimeError>("CUDA: %s (%s) from %s, %s:%u", cudaGetErrorString(error), cudaGetErrorName(error), expression,
                     where.file_name(), unsigned(where.line()));
}

// More dynamic shared memory than this has to be asked for.
constexpr size_t kSharedBytesAtHand = 48 << 10;

template <class... Parameters, class... Arguments>
void launch(LaunchStream stream, dim3 grid, dim3 block, size_t shared_bytes, void (*kernel)(Parameters...),
            Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (shared_bytes > kSharedBytesAtHand) {
    check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes)),
          "cudaFuncSetAttribute", stream.where);
  }
  std::tuple<Parameters...> values{std::forward<Arguments>(arguments)...};
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.stream);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)..., nullptr};
        check(cudaLaunchKernelExC(&config, function, pointers), "cudaLaunchKernelExC", stream.where);
      },
      values);
}

#else

template <class... Parameters, class... Arguments>
void launch(LaunchStream stream, dim3 grid, dim3 block, size_t shared_bytes, void (*kernel)(Parameters...),
            Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;
  };
  const Call call{kernel, {std::forward<Arguments>(arguments)...}};
  const auto play = [=, where = stream.where] {
    emulator::play({grid, block, shared_bytes, where.file_name(), where.function_name(), unsigned(where.line()),
                    reinterpret_cast<void (*)()>(call.kernel),
                    [](const void* p) {
                      const Call& call = *static_cast<const Call*>(p);
                      std::apply(call.kernel, call.arguments);
                    },
                    &call, sizeof call});
  };
  if (emulator::Recording* recording = emulator::recording_of(stream.stream)) {
    recording->add(stream.stream, play);
  } else {
    play();
  }
}

#endif

}  // namespace hotloop::cuda
