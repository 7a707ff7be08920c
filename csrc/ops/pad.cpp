// Padding: a larger tensor that the input is copied into, or the input joined with pieces of itself.
#include "core/error.h"
#include "ops/rearrange.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

Tensor pad_constant(const Tensor& x, const std::vector<int64_t>& pad, double value) {
  // Negative padding takes elements away first.
  Tensor kept = x;
  Dims sizes = x.sizes(), starts = Dims::filled(x.ndim(), 0);
  for (size_t i = 0; i < pad.size() / 2; ++i) {
    const int d = x.ndim() - 1 - int(i);
    const int64_t before = pad[2 * i], after = pad[2 * i + 1], n = x.size(d);
    if (n + before + after < 0)
      fail<RuntimeError>(
          "pad: The input size %lld, plus negative padding %lld and %lld, resulted in a negative output "
          "size, which is invalid. Check dimension %d of your input.",
          ll(n), ll(before), ll(after), d);
    const int64_t from = before < 0 ? -before : 0, to = after < 0 ? n + after : n;
    if (from > 0 || to < n) kept = slice(kept, d, from, to, 1);
    sizes[d] = n + before + after;
    starts[d] = before > 0 ? before : 0;
  }
  const Tensor out = full(sizes, value, x.dtype(), x.device());
  copy_(slice_all(out, starts, kept.sizes(), Dims::filled(x.ndim(), 1)), kept);
  return out;
}

enum class Border { reflect, replicate, circular };

// One dim, longer by `before` and `after`, or shorter where they are negative.
Tensor pad_dim(const Tensor& x, int d, int64_t before, int64_t after, Border border) {
  const int64_t n = x.size(d);
  const char* mode = border == Border::reflect ? "reflect" : border == Border::replicate ? "replicate" : "circular";
  const int64_t most = border == Border::reflect ? n - 1 : border == Border::circular ? n : INT64_MAX;
  if (n == 0 || before > most || after > most)
    fail<RuntimeError>("pad: %s padding (%lld, %lld) is too large for dimension %d of input shape %s", mode, ll(before),
                       ll(after), d, to_string(x.sizes()).c_str());
  if (n + before + after <= 0 || before + n < 0 || after + n < 0)
    fail<RuntimeError>("pad: padding (%lld, %lld) leaves nothing of dimension %d of input shape %s", ll(before),
                       ll(after), d, to_string(x.sizes()).c_str());
  const auto edge = [&](bool left, int64_t length) {
    if (border == Border::circular) return narrow(x, d, left ? n - length : 0, length);
    if (border == Border::reflect) return flip(narrow(x, d, left ? 1 : n - 1 - length, length), {d});
    Dims sizes = x.sizes();
    sizes[d] = length;
    return expand(narrow(x, d, left ? 0 : n - 1, 1), sizes);
  };
  const int64_t from = before < 0 ? -before : 0, to = after < 0 ? n + after : n;
  if (border == Border::circular && (before < 0 || after < 0)) {  // what is left goes round
    const Tensor left = narrow(x, d, from, to - from);
    return before > 0 || after > 0 ? pad_dim(left, d, before > 0 ? before : 0, after > 0 ? after : 0, border) : left;
  }
  std::vector<Tensor> parts;
  if (before > 0) parts.push_back(edge(true, before));
  parts.push_back(narrow(x, d, from, to - from));
  if (after > 0) parts.push_back(edge(false, after));
  return parts.size() == 1 ? parts[0] : cat(parts, d);
}

}  // namespace

Tensor pad(const Tensor& x, const std::vector<int64_t>& pad, const std::string& mode, double value) {
  if (pad.size() % 2 != 0) fail<RuntimeError>("pad: Padding length must be divisible by 2, got %zu", pad.size());
  if (int(pad.size()) > 2 * x.ndim())
    fail<RuntimeError>(
        "pad: Padding length should be less than or equal to two times the input dimension but got padding length %zu "
        "and input of dimension %d",
        pad.size(), x.ndim());
  if (mode == "constant") return pad_constant(x, pad, value);
  if (mode != "reflect" && mode != "replicate" && mode != "circular")
    fail<RuntimeError>("pad: Unrecognised padding mode %s", mode.c_str());
  const int padded = int(pad.size()) / 2;
  if (padded < 1 || padded > 3 || (x.ndim() != padded + 1 && x.ndim() != padded + 2))
    fail<RuntimeError>(
        "pad: Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now, got input of %d dims and "
        "padding of length %zu",
        x.ndim(), pad.size());
  const Border border = mode == "reflect"     ? Border::reflect
                        : mode == "replicate" ? Border::replicate
                                              : Border::circular;
  Tensor out = x;
  for (int i = 0; i < padded; ++i)
    if (pad[size_t(2 * i)] != 0 || pad[size_t(2 * i + 1)] != 0)
      out = pad_dim(out, x.ndim() - 1 - i, pad[size_t(2 * i)], pad[size_t(2 * i + 1)], border);
  return out.same(x) || out->storage == x->storage ? clone(out) : out;
}

}  // namespace hotloop::ops
