// The host language's lock (Python's GIL), which core knows only as two functions. It is given up
// around work long enough to be worth the two calls.
#pragma once

#include <cstdint>

#include "core/thread_local.h"

namespace hotloop {

struct HostLock {
  void* (*release)();  // returns what restore needs; never null
  void (*restore)(void* state);
};

// Set once, by the bindings, before any other thread uses the library.
void set_host_lock(HostLock lock);

// About 5 us of elementary operations; releasing and taking the lock again costs 0.1 us alone, but
// tens of us when another thread wants it.
constexpr int64_t kHostLockWork = 20'000;

// Whether this thread holds the lock. False in threads that the host did not start.
HOTLOOP_STATIC_TLS
extern constinit thread_local bool host_lock_held;

namespace detail {
extern constinit HostLock host_lock;
}

// Marks that the host called in with its lock held, for as long as it lives.
class HoldsHostLock {
 public:
  HoldsHostLock() : before_(host_lock_held) { host_lock_held = true; }
  ~HoldsHostLock() { host_lock_held = before_; }
  HoldsHostLock(const HoldsHostLock&) = delete;
  HoldsHostLock& operator=(const HoldsHostLock&) = delete;

 private:
  bool before_;
};

// Releases the lock while it lives, when this thread holds it and `work` (an estimate, in elementary
// operations) is large.
class ReleaseHostLock {
 public:
  explicit ReleaseHostLock(int64_t work) : state_(nullptr) {
    if (work > kHostLockWork && host_lock_held) [[unlikely]] {
      state_ = detail::host_lock.release();
      host_lock_held = false;
    }
  }
  ~ReleaseHostLock() {
    if (state_ != nullptr) [[unlikely]] {
      detail::host_lock.restore(state_);
      host_lock_held = true;
    }
  }
  ReleaseHostLock(const ReleaseHostLock&) = delete;
  ReleaseHostLock& operator=(const ReleaseHostLock&) = delete;

 private:
  void* state_;
};

}  // namespace hotloop
