#include "dispatch/copy.h"

#include "dispatch/list.h"

namespace hotloop {

HOTLOOP_KERNEL(copy, CopyArgs)

namespace dispatch {

namespace {

constexpr Candidate<CopyArgs> kCopy[] = {HOTLOOP_CANDIDATES(copy, kAllDTypes, nullptr)};

}  // namespace

void copy(const CopyArgs& args) { run("copy", kCopy, args.to, args); }

}  // namespace dispatch
}  // namespace hotloop
