// A growing array whose first N elements live inside it, so that short ones cost no heap.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace hotloop {

template <class T, int N>
class InlineVector {
 public:
  InlineVector() = default;
  InlineVector(const InlineVector&) = delete;
  InlineVector& operator=(const InlineVector&) = delete;
  ~InlineVector() {
    clear();
    if (data_ != inline_data()) ::operator delete(data_);
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](int i) { return data_[i]; }
  const T& operator[](int i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

  template <class... Args>
  T& emplace(Args&&... args) {
    if (size_ == capacity_) grow(2 * capacity_);
    return *new (data_ + size_++) T{std::forward<Args>(args)...};
  }
  void resize(int size) {  // only upwards
    if (size > capacity_) grow(size);
    while (size_ < size) new (data_ + size_++) T{};
  }
  void clear() {
    while (size_ > 0) data_[--size_].~T();
  }

 private:
  T* inline_data() { return reinterpret_cast<T*>(inline_); }
  void grow(int capacity) {
    T* bigger = static_cast<T*>(::operator new(size_t(capacity) * sizeof(T)));
    for (int i = 0; i < size_; ++i) {
      new (bigger + i) T(std::move(data_[i]));
      data_[i].~T();
    }
    if (data_ != inline_data()) ::operator delete(data_);
    data_ = bigger;
    capacity_ = capacity;
  }

  alignas(T) char inline_[sizeof(T) * N];
  T* data_ = inline_data();
  int size_ = 0;
  int capacity_ = N;
};

}  // namespace hotloop
