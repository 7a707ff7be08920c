// An array in the memory of the emulated GPU, which the host sees too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/cuda/emulator/emulator.h"

namespace emulated {

namespace emulator = hotloop::emulator;

template <class T>
class Array {
 public:
  explicit Array(int64_t count)
      : count_(size_t(count)), data_(static_cast<T*>(emulator::allocate(count_ * sizeof(T)))) {}
  Array(int64_t count, const std::function<T(int64_t)>& value) : Array(count) {
    for (int64_t i = 0; i < count; ++i) data_[i] = value(i);
  }
  ~Array() { emulator::release(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  size_t count_;
  T* data_;
};

}  // namespace emulated
