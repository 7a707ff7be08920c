// Sizes or strides of a tensor: a small array that lives inside its owner, never on the heap.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace hotloop {

constexpr int kMaxDims = 16;

struct Dims {
  int64_t data[kMaxDims];
  int n = 0;

  Dims() {}
  Dims(std::initializer_list<int64_t> values) {
    for (int64_t v : values) data[n++] = v;
  }
  static Dims filled(int n, int64_t value) {
    Dims d;
    d.n = n;
    for (int i = 0; i < n; ++i) d.data[i] = value;
    return d;
  }

  int size() const { return n; }
  bool empty() const { return n == 0; }
  int64_t& operator[](int i) { return data[i]; }
  int64_t operator[](int i) const { return data[i]; }
  int64_t* begin() { return data; }
  int64_t* end() { return data + n; }
  const int64_t* begin() const { return data; }
  const int64_t* end() const { return data + n; }
  int64_t back() const { return data[n - 1]; }

  void push(int64_t v);  // throws ValueError beyond kMaxDims
  void insert(int at, int64_t v);
  void erase(int at);

  bool operator==(const Dims& other) const {
    if (n != other.n) return false;
    for (int i = 0; i < n; ++i)
      if (data[i] != other.data[i]) return false;
    return true;
  }
};

// Product of the sizes; throws ValueError where it would overflow.
int64_t numel_of(const Dims& sizes);
Dims contiguous_strides(const Dims& sizes);
std::string to_string(const Dims& dims);  // "[2, 3]", as PyTorch prints sizes

}  // namespace hotloop
