#include "ops/overlap.h"

#include "core/error.h"

namespace hotloop::ops {

namespace {

// The bytes from a tensor's first to behind its last.
struct Extent {
  const char *begin, *end;
  bool meets(const Extent& other) const { return begin < other.end && other.begin < end; }
};

Extent extent(const Tensor& t) {
  const char *begin = t.data<char>(), *end = begin + itemsize(t.dtype());
  for (int d = 0; d < t.ndim(); ++d) {
    const int64_t reach = (t.size(d) - 1) * t.stride(d) * int64_t(itemsize(t.dtype()));
    (reach < 0 ? begin : end) += reach;
  }
  return {begin, end};
}

bool is_dense(const Tensor& t, const Extent& e) {
  for (int d = 0; d < t.ndim(); ++d)
    if (t.stride(d) == 0 && t.size(d) > 1) return false;
  return e.end - e.begin == t.numel() * int64_t(itemsize(t.dtype()));
}

}  // namespace

void check_overlap(const char* op, const Tensor& out, const Tensor& in, Sharing allowed) {
  if (allowed == Sharing::any) return;
  bool same = in.same(out);
  if (!same) {
    if (in.numel() == 0 || out.numel() == 0) return;
    if (allowed == Sharing::broadcast && in.numel() != out.numel()) return;  // it is expanded, and dense no more
    const Extent a = extent(out), b = extent(in);
    if (!is_dense(out, a) || !is_dense(in, b) || !a.meets(b)) return;
    same = a.begin == b.begin && a.end == b.end && out.strides() == in.strides();
  }
  if (same && allowed != Sharing::none) return;
  fail<RuntimeError>(
      "%s: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
      "location (an input of shape %s, %s shape %s). Please clone() the tensor before performing the operation.",
      op, to_string(in.sizes()).c_str(), same ? "all of the written-to memory of" : "part of the written-to memory of",
      to_string(out.sizes()).c_str());
}

void check_own_strides(const char* op, const Tensor& out) {
  if (out.numel() == 0) return;
  for (int d = 0; d < out.ndim(); ++d)
    if (out.stride(d) == 0 && out.size(d) > 1)
      fail<RuntimeError>(
          "%s: unsupported operation: more than one element of the written-to tensor refers to a single memory "
          "location (it is expanded along dim %d). Please clone() the tensor before performing the operation.",
          op, d);
}

bool extents_overlap(const Tensor& a, const Tensor& b) {
  if (a.numel() == 0 || b.numel() == 0) return false;
  if (a.data() == b.data() && a.strides() == b.strides() && a.sizes() == b.sizes()) return false;
  return extent(a).meets(extent(b));
}

}  // namespace hotloop::ops
