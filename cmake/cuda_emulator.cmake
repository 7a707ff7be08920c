# The emulator of csrc/kernels/cuda/emulator and what kernels need to be compiled for it.

# add_library(name OBJECT ...) of the emulator itself, without the driver that core/gpu.h asks for.
function(hotloop_cuda_emulator name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/csrc/kernels/cuda/emulator/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/driver\\.cpp$")
  add_library(${name} OBJECT ${sources})
  target_link_libraries(${name} PUBLIC hotloop_flags)
  target_compile_options(${name} PRIVATE -O2)
endfunction()

# What CUDA sources are compiled with by the host compiler. Their loads and stores call the emulator's hooks, and so do
# misaligned ones, indices beyond arrays in registers and shifts too far: the instrumentation of GCC's sanitizers, whose
# own libraries are not linked. #pragma unroll is nvcc's.
set(HOTLOOP_EMULATED_KERNEL_OPTIONS
  -x c++ -O1 -g1 -Wno-unknown-pragmas -Wno-type-limits
  -fsanitize=thread --param tsan-instrument-func-entry-exit=0 -fsanitize=alignment,bounds,shift)

# add_library(name OBJECT ...) of CUDA sources for the emulator.
function(hotloop_emulated_kernels name)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
  add_library(${name} OBJECT ${ARGN})
  target_link_libraries(${name} PUBLIC hotloop_flags)
  target_compile_definitions(${name} PRIVATE HOTLOOP_EMULATE=1)
  target_compile_options(${name} PRIVATE ${HOTLOOP_EMULATED_KERNEL_OPTIONS})
endfunction()
