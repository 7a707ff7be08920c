#include "core/dims.h"

#include "core/error.h"

namespace hotloop {

void Dims::push(int64_t v) {
  if (n == kMaxDims) fail<ValueError>("a tensor has at most %d dimensions", kMaxDims);
  data[n++] = v;
}

void Dims::insert(int at, int64_t v) {
  push(v);
  for (int i = n - 1; i > at; --i) data[i] = data[i - 1];
  data[at] = v;
}

void Dims::erase(int at) {
  for (int i = at; i + 1 < n; ++i) data[i] = data[i + 1];
  --n;
}

int64_t numel_of(const Dims& sizes) {
  int64_t total = 1;
  for (int64_t s : sizes)
    if (s == 0) return 0;
  for (int64_t s : sizes)
    if (__builtin_mul_overflow(total, s, &total))
      fail<ValueError>("shape %s has more elements than 63 bits can count", to_string(sizes).c_str());
  return total;
}

Dims contiguous_strides(const Dims& sizes) {
  Dims strides;
  strides.n = sizes.n;
  int64_t step = 1;
  for (int i = sizes.n - 1; i >= 0; --i) {
    strides[i] = step;
    step *= sizes[i] > 1 ? sizes[i] : 1;
  }
  return strides;
}

std::string to_string(const Dims& dims) {
  std::string text = "[";
  for (int i = 0; i < dims.n; ++i) {
    if (i) text += ", ";
    text += std::to_string(dims[i]);
  }
  return text + "]";
}

}  // namespace hotloop
