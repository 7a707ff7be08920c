#include "ops/broadcast.h"

#include "core/error.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

Dims broadcast_shape(const char* op, const Dims& a, const Dims& b) {
  const Dims& longer = a.n >= b.n ? a : b;
  const Dims& shorter = a.n >= b.n ? b : a;
  Dims out = longer;
  const int lead = longer.n - shorter.n;
  for (int i = 0; i < shorter.n; ++i) {
    const int64_t x = longer[lead + i], y = shorter[i];
    if (x == y || y == 1) continue;
    if (x != 1)
      fail<RuntimeError>(
          "%s: The size of tensor a (%lld) must match the size of tensor b (%lld) at non-singleton "
          "dimension %d (shapes %s and %s)",
          op, static_cast<long long>(a[a.n - shorter.n + i]), static_cast<long long>(b[b.n - shorter.n + i]), lead + i,
          to_string(a).c_str(), to_string(b).c_str());
    out[lead + i] = y;
  }
  return out;
}

Tensor sum_to(const Tensor& t, const Dims& sizes) {
  if (t.sizes() == sizes) return t;
  Dims dims;
  const int lead = t.ndim() - sizes.n;
  for (int i = 0; i < t.ndim(); ++i)
    if (i < lead || (sizes[i - lead] == 1 && t.size(i) != 1)) dims.push(i);
  const Tensor summed = dims.empty() ? t : sum(t, dims, true);
  return summed.sizes() == sizes ? summed : view(summed, sizes);
}

}  // namespace hotloop::ops
