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
static const Candidate<IndexArgs> kIndexWrite[] = {HOTLOOP_CANDIDATES(index_write, kAllDTypes, nullptr)};
static const Candidate<IndexArgs> kIndexAdd[] = {HOTLOOP_CANDIDATES(index_add, kAllDTypes, nullptr)};
static const Candidate<IndexArgs> kIndexCombine[] = {HOTLOOP_CANDIDATES(index_combine, kAllDTypes, nullptr)};
static const Candidate<MaskArgs> kCountMask[] = {HOTLOOP_CANDIDATES(count_mask, kAllDTypes, nullptr)};
static const Candidate<MaskArgs> kMaskSelect[] = {HOTLOOP_CANDIDATES(mask_select, kAllDTypes, nullptr)};
static const Candidate<MaskArgs> kMaskNonzero[] = {HOTLOOP_CANDIDATES(mask_nonzero, kAllDTypes, nullptr)};

void index_read(const IndexArgs& args) { run("index_read", kIndexRead, args.dtype, args); }
void index_write(const IndexArgs& args) { run("index_write", kIndexWrite, args.dtype, args); }
void index_add(const IndexArgs& args) { run("index_add", kIndexAdd, args.dtype, args); }
void index_combine(const IndexArgs& args) { run("index_combine", kIndexCombine, args.dtype, args); }
void count_mask(const MaskArgs& args) { run("count_mask", kCountMask, DType::bool_, args); }
void mask_select(const MaskArgs& args) { run("mask_select", kMaskSelect, args.dtype, args); }
void mask_nonzero(const MaskArgs& args) { run("mask_nonzero", kMaskNonzero, DType::bool_, args); }

}  // namespace hotloop::dispatch
