// Dispatch: one explicit ordered list an op, fastest candidate first, the reference last. The first
// whose instruction set is active, whose dtypes hold the problem's and whose predicate does not refuse
// runs. Walking a list is a handful of compares: no strings, no heap.
#pragma once

#include "core/cpu_features.h"
#include "core/device.h"
#include "core/dtype.h"
#include "core/error.h"
#include "core/gpu.h"

namespace hotloop::dispatch {

template <class Args>
struct Candidate {
  const char* name;  // op_isa_variant
  Isa isa;           // the least instruction set it needs
  DTypeSet dtypes;
  const char* (*refuse)(const Args&);  // why it cannot run this problem, or nullptr; null: never refuses
  void (*run)(const Args&);
};

// The same for a GPU's kernels, which run on a stream.
template <class Args>
struct GpuCandidate {
  const char* name;  // op_arch_variant
  int arch;          // the least compute capability it runs on, as 80
  DTypeSet dtypes;
  const char* (*refuse)(const Args&);
  void (*run)(const Args&, GpuStream);
};

// The name of the kernel that dispatch ran last in this thread ("" before the first).
const char* last_kernel();

namespace detail {
extern thread_local const char* last;
extern bool verbose;  // HOTLOOP_VERBOSE contains "dispatch"
[[gnu::cold]] void print(const char* op, DType dtype, const char* kernel, const char* reason);
}  // namespace detail

template <class Args>
inline const char* refusal(const Candidate<Args>& candidate, Isa isa, DType dtype, const Args& args) {
  if (int(candidate.isa) > int(isa)) return "instruction set not active";
  if (!(candidate.dtypes >> int(dtype) & 1)) return "dtype";
  return candidate.refuse ? candidate.refuse(args) : nullptr;
}

// The candidate for this problem; an op may keep it for problems of the same shape and layout.
template <class Args, int N>
inline const Candidate<Args>& choose(const char* op, const Candidate<Args> (&list)[N], DType dtype, const Args& args) {
  const Isa isa = active_isa();
  for (const Candidate<Args>& candidate : list) {
    const char* reason = refusal(candidate, isa, dtype, args);
    if (detail::verbose) [[unlikely]]
      detail::print(op, dtype, candidate.name, reason);
    if (!reason) return candidate;
  }
  fail<DTypeError>("%s: no kernel for dtype %s on cpu", op, name(dtype));
}

template <class Args, int N>
inline void run(const char* op, const Candidate<Args> (&list)[N], DType dtype, const Args& args) {
  const Candidate<Args>& candidate = choose(op, list, dtype, args);
  detail::last = candidate.name;
  candidate.run(args);
}

template <class Args, int N>
inline void run_gpu(const char* op, const GpuCandidate<Args> (&list)[N], Device device, DType dtype, const Args& args) {
  const int arch = gpu::active_arch(device.index);
  for (const GpuCandidate<Args>& candidate : list) {
    const char* reason = candidate.arch > arch                   ? "compute capability"
                         : !(candidate.dtypes >> int(dtype) & 1) ? "dtype"
                         : candidate.refuse                      ? candidate.refuse(args)
                                                                 : nullptr;
    if (detail::verbose) [[unlikely]]
      detail::print(op, dtype, candidate.name, reason);
    if (reason) continue;
    detail::last = candidate.name;
    return candidate.run(args, gpu::current_stream(device.index));
  }
  fail<DTypeError>("%s: no kernel for dtype %s on %s", op, name(dtype), to_string(device).c_str());
}

// Runs the first candidate of the device's list.
template <class Args, int N, int M>
inline void run(const char* op, const Candidate<Args> (&list)[N], const GpuCandidate<Args> (&gpu_list)[M],
                Device device, DType dtype, const Args& args) {
  if (device.type == DeviceType::cpu) [[likely]]
    return run(op, list, dtype, args);
  run_gpu(op, gpu_list, device, dtype, args);
}

}  // namespace hotloop::dispatch

// HOTLOOP_GPU_KERNEL(kernel, Args) declares the GPU's kernel, `void kernel(const Args&, GpuStream)`, and
// HOTLOOP_GPU_CANDIDATE names it in a list. A build without GPU code has no device that would ask for it.
#if defined(HOTLOOP_GPU)
#define HOTLOOP_GPU_KERNEL(kernel, Args) \
  namespace sm80 {                       \
  void kernel(const Args&, GpuStream);   \
  }
#define HOTLOOP_GPU_CANDIDATE(kernel, dtypes, refuse) {#kernel "_sm80", 80, dtypes, refuse, sm80::kernel}
#else
#define HOTLOOP_GPU_KERNEL(kernel, Args)
#define HOTLOOP_GPU_CANDIDATE(kernel, dtypes, refuse) {#kernel "_sm80", 80, dtypes, refuse, nullptr}
#endif

// HOTLOOP_KERNEL(kernel, Args) declares `void kernel(const Args&)` of every instruction set and of the
// reference (at namespace hotloop), and the GPU's; HOTLOOP_CANDIDATES lists the CPU's in order.
#if defined(HOTLOOP_X86)
#define HOTLOOP_KERNEL(kernel, Args) \
  HOTLOOP_GPU_KERNEL(kernel, Args)   \
  namespace baseline {               \
  void kernel(const Args&);          \
  }                                  \
  namespace avx2 {                   \
  void kernel(const Args&);          \
  }                                  \
  namespace avx512 {                 \
  void kernel(const Args&);          \
  }                                  \
  namespace reference {              \
  void kernel(const Args&);          \
  }
#define HOTLOOP_CANDIDATES(kernel, dtypes, refuse)                               \
  {#kernel "_avx512", Isa::avx512, dtypes, refuse, avx512::kernel},              \
      {#kernel "_avx2", Isa::avx2, dtypes, refuse, avx2::kernel},                \
      {#kernel "_baseline", Isa::baseline, dtypes, refuse, baseline::kernel}, {  \
    #kernel "_reference", Isa::reference, kAllDTypes, nullptr, reference::kernel \
  }
#else
#define HOTLOOP_KERNEL(kernel, Args) \
  HOTLOOP_GPU_KERNEL(kernel, Args)   \
  namespace baseline {               \
  void kernel(const Args&);          \
  }                                  \
  namespace reference {              \
  void kernel(const Args&);          \
  }
#define HOTLOOP_CANDIDATES(kernel, dtypes, refuse)                               \
  {#kernel "_baseline", Isa::baseline, dtypes, refuse, baseline::kernel}, {      \
    #kernel "_reference", Isa::reference, kAllDTypes, nullptr, reference::kernel \
  }
#endif
