#include "dispatch/index.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(index_read, IndexArgs)
HOTLOOP_KERNEL(index_write, IndexArgs)
HOTLOOP_KERNEL(index_add, IndexArgs)
HOTLOOP_KERNEL(index_combine, IndexArgs)
HOTLOOP_KERNEL(count_mask, MaskArgs)
HOTLOOP_KERNEL(mask_select, MaskArgs)
HOTLOOP_KERNEL(mask_nonzero, MaskArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<IndexArgs> kIndexRead[] = {HOTLOOP_CANDIDATES(index_read, kAllDTypes, nullptr)};
static const GpuCandidate<IndexArgs> kGpuIndexRead[] = {HOTLOOP_GPU_CANDIDATE(index_read, kAllDTypes, nullptr)};
static const Candidate<IndexArgs> kIndexWrite[] = {HOTLOOP_CANDIDATES(index_write, kAllDTypes, nullptr)};
static const GpuCandidate<IndexArgs> kGpuIndexWrite[] = {HOTLOOP_GPU_CANDIDATE(index_write, kAllDTypes, nullptr)};
static const Candidate<IndexArgs> kIndexAdd[] = {HOTLOOP_CANDIDATES(index_add, kAllDTypes, nullptr)};
static const GpuCandidate<IndexArgs> kGpuIndexAdd[] = {HOTLOOP_GPU_CANDIDATE(index_add, kAllDTypes, nullptr)};
static const Candidate<IndexArgs> kIndexCombine[] = {HOTLOOP_CANDIDATES(index_combine, kAllDTypes, nullptr)};
static const GpuCandidate<IndexArgs> kGpuIndexCombine[] = {HOTLOOP_GPU_CANDIDATE(index_combine, kAllDTypes, nullptr)};
static const Candidate<MaskArgs> kCountMask[] = {HOTLOOP_CANDIDATES(count_mask, kAllDTypes, nullptr)};
static const GpuCandidate<MaskArgs> kGpuCountMask[] = {HOTLOOP_GPU_CANDIDATE(count_mask, kAllDTypes, nullptr)};
static const Candidate<MaskArgs> kMaskSelect[] = {HOTLOOP_CANDIDATES(mask_select, kAllDTypes, nullptr)};
static const GpuCandidate<MaskArgs> kGpuMaskSelect[] = {HOTLOOP_GPU_CANDIDATE(mask_select, kAllDTypes, nullptr)};
static const Candidate<MaskArgs> kMaskNonzero[] = {HOTLOOP_CANDIDATES(mask_nonzero, kAllDTypes, nullptr)};
static const GpuCandidate<MaskArgs> kGpuMaskNonzero[] = {HOTLOOP_GPU_CANDIDATE(mask_nonzero, kAllDTypes, nullptr)};

void index_read(Device device, const IndexArgs& args) {
  run("index_read", kIndexRead, kGpuIndexRead, device, args.dtype, args);
}
void index_write(Device device, const IndexArgs& args) {
  run("index_write", kIndexWrite, kGpuIndexWrite, device, args.dtype, args);
}
void index_add(Device device, const IndexArgs& args) {
  run("index_add", kIndexAdd, kGpuIndexAdd, device, args.dtype, args);
}
void index_combine(Device device, const IndexArgs& args) {
  run("index_combine", kIndexCombine, kGpuIndexCombine, device, args.dtype, args);
}
void count_mask(Device device, const MaskArgs& args) {
  run("count_mask", kCountMask, kGpuCountMask, device, DType::bool_, args);
}
void mask_select(Device device, const MaskArgs& args) {
  run("mask_select", kMaskSelect, kGpuMaskSelect, device, args.dtype, args);
}
void mask_nonzero(Device device, const MaskArgs& args) {
  run("mask_nonzero", kMaskNonzero, kGpuMaskNonzero, device, DType::bool_, args);
}

}  // namespace hotloop::dispatch
