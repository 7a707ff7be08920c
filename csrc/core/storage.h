// A block of memory that tensors view. It is the allocator's, or a guest's (NumPy, DLPack, ...) that
// is told when the last tensor is gone.
#pragma once

#include <atomic>
#include <cstddef>

#include "core/device.h"
#include "core/ref.h"

namespace hotloop {

class Storage final : public RefCounted {
 public:
  using Release = void (*)(void* owner);

  Storage(size_t bytes, Device device);  // memory of our own, uninitialised
  Storage(void* data, size_t bytes, Device device, bool read_only, void* owner, Release release);
  ~Storage() override;

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  bool read_only() const { return read_only_; }
  bool is_guest() const { return release_ != nullptr; }  // memory of somebody else

  // Counts in-place writes; the tape compares it to find saved tensors that were spoiled.
  uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void* data_;
  size_t bytes_;
  union {
    void* owner_ = nullptr;  // of a guest's memory
    void* stream_;           // of our own GPU memory: the stream that it was taken on and goes back to
  };
  Release release_ = nullptr;
  std::atomic<uint32_t> version_{0};
  Device device_;
  bool read_only_ = false;
};

}  // namespace hotloop
