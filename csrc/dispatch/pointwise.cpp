#include "dispatch/pointwise.h"

namespace hotloop {

namespace baseline {
extern const PointwiseTable* const pointwise_tables[kDTypeCount];
}
#if defined(HOTLOOP_X86)
namespace avx2 {
extern const PointwiseTable* const pointwise_tables[kDTypeCount];
}
namespace avx512 {
extern const PointwiseTable* const pointwise_tables[kDTypeCount];
}
#endif
namespace reference {
extern const PointwiseTable* const pointwise_tables[kDTypeCount];
}
#if defined(HOTLOOP_GPU)
namespace sm80 {
void pointwise(PointwiseOp op, DType dtype, const PointwiseArgs& args, GpuStream stream);
}
#endif

namespace dispatch {

namespace {

struct RowInfo {
  const char* name;
  DTypeSet dtypes;
  int inputs;
  bool gives_bool;
};

#define UNARY(name, dtypes, ...) {#name, dtypes, 1, false},
#define BINARY(name, dtypes, ...) {#name, dtypes, 2, false},
#define TERNARY(name, dtypes, ...) {#name, dtypes, 3, false},
#define SELECTION(name, dtypes, ...) {#name, dtypes, 3, false},
#define PREDICATE(name, dtypes, ...) {#name, dtypes, 1, true},
#define COMPARISON(name, dtypes, ...) {#name, dtypes, 2, true},
constexpr RowInfo kRows[kPointwiseOps] = {
#include "kernels/args/pointwise.def"
};

#define EACH(name) #name "_baseline",
constexpr const char* kBaselineNames[kPointwiseOps] = {
#include "kernels/args/pointwise.def"
};
#if defined(HOTLOOP_X86)
#define EACH(name) #name "_avx2",
constexpr const char* kAvx2Names[kPointwiseOps] = {
#include "kernels/args/pointwise.def"
};
#define EACH(name) #name "_avx512",
constexpr const char* kAvx512Names[kPointwiseOps] = {
#include "kernels/args/pointwise.def"
};
#endif
#if defined(HOTLOOP_GPU)
#define EACH(name) #name "_sm80",
constexpr const char* kGpuNames[kPointwiseOps] = {
#include "kernels/args/pointwise.def"
};
#endif
#define EACH(name) #name "_reference",
constexpr const char* kReferenceNames[kPointwiseOps] = {
#include "kernels/args/pointwise.def"
};

// One dimension of all operands.
struct Dimension {
  int64_t size;
  int64_t strides[1 + kPointwiseInputs];  // out's first
};

int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

// Whether `a` belongs outside `b`: by out's stride, else by the first input that tells.
bool is_outer(const Dimension& a, const Dimension& b, int operands) {
  for (int k = 0; k < operands; ++k) {
    const int64_t sa = magnitude(a.strides[k]), sb = magnitude(b.strides[k]);
    if (sa != sb) return sa > sb;
  }
  return a.size > b.size;
}

}  // namespace

// AVX-512 BF16 adds nothing here, for its conversions flush subnormals, and tiles multiply matrices.
const PointwiseTables pointwise_tables[kIsaCount] = {
    {reference::pointwise_tables, kReferenceNames}, {baseline::pointwise_tables, kBaselineNames},
#if defined(HOTLOOP_X86)
    {avx2::pointwise_tables, kAvx2Names},           {avx512::pointwise_tables, kAvx512Names},
    {avx512::pointwise_tables, kAvx512Names},       {avx512::pointwise_tables, kAvx512Names},
#endif
};

void pointwise_gpu([[maybe_unused]] Device device, [[maybe_unused]] PointwiseOp op, [[maybe_unused]] DType dtype,
                   [[maybe_unused]] const PointwiseArgs& args) {
#if defined(HOTLOOP_GPU)
  detail::last = kGpuNames[int(op)];
  sm80::pointwise(op, dtype, args, gpu::current_stream(device.index));
#endif
}

int inputs(PointwiseOp op) { return kRows[int(op)].inputs; }
const char* name(PointwiseOp op) { return kRows[int(op)].name; }
DTypeSet dtypes(PointwiseOp op) { return kRows[int(op)].dtypes; }
bool gives_bool(PointwiseOp op) { return kRows[int(op)].gives_bool; }

void coalesce(PointwiseArgs& args, int inputs) {
  const int operands = 1 + inputs;
  Dimension dims[kPointwiseDims];
  int n = 0;
  for (int d = 0; d < args.ndim; ++d) {
    if (args.sizes[d] == 1) continue;
    Dimension next{args.sizes[d], {args.out_strides[d]}};
    for (int k = 0; k < inputs; ++k) next.strides[1 + k] = args.in_strides[k][d];
    // Insertion sort, outermost first; nearly always in order already.
    int at = n++;
    for (; at > 0 && is_outer(next, dims[at - 1], operands); --at) dims[at] = dims[at - 1];
    dims[at] = next;
  }
  // From the innermost outwards: a dimension that continues the one inside it joins it.
  int merged = 0;
  Dimension runs[kPointwiseDims];
  for (int d = n - 1; d >= 0; --d) {
    bool joins = merged > 0;
    for (int k = 0; joins && k < operands; ++k) {
      const Dimension& inside = runs[merged - 1];
      joins = dims[d].strides[k] == inside.strides[k] * inside.size;
    }
    if (joins)
      runs[merged - 1].size *= dims[d].size;
    else
      runs[merged++] = dims[d];
  }
  if (merged == 0) {
    runs[merged++] = Dimension{1, {1, 1, 1, 1}};
  }
  bool dense = merged == 1;
  for (int k = 0; k < operands; ++k) dense = dense && runs[0].strides[k] == 1;
  args.dense = dense;
  args.ndim = merged;
  for (int d = 0; d < merged; ++d) {
    const Dimension& run = runs[merged - 1 - d];
    args.sizes[d] = run.size;
    args.out_strides[d] = run.strides[0];
    for (int k = 0; k < inputs; ++k) args.in_strides[k][d] = run.strides[1 + k];
  }
}

}  // namespace dispatch
}  // namespace hotloop
