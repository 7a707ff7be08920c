#include "dispatch/sort.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(sort, SortArgs)
HOTLOOP_KERNEL(pick, PickArgs)
HOTLOOP_KERNEL(search, SearchArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

// Positions share a word with their keys, and counters have 32 bits.
template <class Args>
static const char* too_long(const Args& args) {
  return args.n > INT64_C(0xffffffff) ? "lines of 2^32 elements or more" : nullptr;
}

static const char* gpu_refuses(const SortArgs& args) {
  return args.columns > 1 ? "lines side by side" : too_long(args);
}

static const Candidate<SortArgs> kSort[] = {HOTLOOP_CANDIDATES(sort, kAllDTypes, too_long)};
static const GpuCandidate<SortArgs> kGpuSort[] = {HOTLOOP_GPU_CANDIDATE(sort, kAllDTypes, gpu_refuses)};
static const Candidate<PickArgs> kPick[] = {HOTLOOP_CANDIDATES(pick, kAllDTypes, too_long)};
static const GpuCandidate<PickArgs> kGpuPick[] = {HOTLOOP_GPU_CANDIDATE(pick, kAllDTypes, too_long)};
static const Candidate<SearchArgs> kSearch[] = {HOTLOOP_CANDIDATES(search, kAllDTypes, nullptr)};
static const GpuCandidate<SearchArgs> kGpuSearch[] = {HOTLOOP_GPU_CANDIDATE(search, kAllDTypes, nullptr)};

void sort(Device device, const SortArgs& args) { run("sort", kSort, kGpuSort, device, args.dtype, args); }
void pick(Device device, const PickArgs& args) { run("pick", kPick, kGpuPick, device, args.dtype, args); }
void search(Device device, const SearchArgs& args) { run("search", kSearch, kGpuSearch, device, args.dtype, args); }

}  // namespace hotloop::dispatch
