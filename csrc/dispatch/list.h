// Dispatch: one explicit ordered list an op, fastest candidate first, the reference last. The first
// whose instruction set is active, whose dtypes hold the problem's and whose predicate does not refuse
// runs. Walking a list is a handful of compares: no strings, no heap.
#pragma once

#include "core/cpu_features.h"
#include "core/dtype.h"
#include "core/error.h"

namespace hotloop::dispatch {

template <class Args>
struct Candidate {
  const char* name;  // op_isa_variant
  Isa isa;           // the least instruction set it needs
  DTypeSet dtypes;
  const char* (*refuse)(const Args&);  // why it cannot run this problem, or nullptr; null: never refuses
  void (*run)(const Args&);
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

}  // namespace hotloop::dispatch

// HOTLOOP_KERNEL(kernel, Args) declares `void kernel(const Args&)` of every instruction set and of the
// reference (at namespace hotloop); HOTLOOP_CANDIDATES lists them in order.
#if defined(HOTLOOP_X86)
#define HOTLOOP_KERNEL(kernel, Args) \
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
