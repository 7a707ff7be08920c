#include "core/host_lock.h"

namespace hotloop {

constinit thread_local bool host_lock_held = false;
constinit HostLock detail::host_lock = {};

void set_host_lock(HostLock lock) { detail::host_lock = lock; }

}  // namespace hotloop
