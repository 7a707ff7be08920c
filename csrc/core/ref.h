// Intrusive reference counting: the count lives in the object, a Ref is one pointer.
#pragma once

#include <atomic>
#include <concepts>
#include <utility>

namespace hotloop {

template <class T>
class Ref;

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  virtual ~RefCounted() = default;

  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    // A sole owner needs no locked instruction: nobody else can make another reference.
    if (references_.load(std::memory_order_acquire) == 1 || references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }
  int references() const { return references_.load(std::memory_order_relaxed); }

 private:
  template <class T, class... A>
  friend Ref<T> make_ref(A&&... arguments);
  mutable std::atomic<int> references_{0};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* pointer) : pointer_(pointer) {
    if (pointer_) pointer_->retain();
  }
  Ref(const Ref& other) : Ref(other.pointer_) {}
  Ref(Ref&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  template <std::derived_from<T> U>
  Ref(Ref<U>&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~Ref() {
    if (pointer_) pointer_->release();
  }
  // Counts nothing: for a reference that is counted already, or for a Ref that is never destroyed.
  static Ref uncounted(T* pointer) {
    Ref ref;
    ref.pointer_ = pointer;
    return ref;
  }

  T* get() const { return pointer_; }
  T* operator->() const { return pointer_; }
  T& operator*() const { return *pointer_; }
  explicit operator bool() const { return pointer_ != nullptr; }
  bool operator==(const Ref& other) const { return pointer_ == other.pointer_; }

 private:
  template <class U>
  friend class Ref;
  T* pointer_ = nullptr;
};

// A new T with its first reference, which needs no locked instruction: nobody else knows of it.
template <class T, class... A>
Ref<T> make_ref(A&&... arguments) {
  T* made = new T(std::forward<A>(arguments)...);
  static_cast<RefCounted*>(made)->references_.store(1, std::memory_order_relaxed);
  return Ref<T>::uncounted(made);
}

}  // namespace hotloop
