// How many CPUs this process may keep busy.
#pragma once

#include <string>

namespace hotloop {

// The CPUs in the affinity mask, or the cgroup's CPU quota rounded up where that is less. At least 1.
int usable_cpus();

// CPUs in the affinity mask of the calling thread.
int affinity_cpus();

// The quota (v1 or v2, the tightest on the way from the process's group to the root) rounded up, or
// 0 where there is none. `membership` is the text of /proc/self/cgroup, `mount` where cgroups are mounted.
int cgroup_cpus(const std::string& membership, const std::string& mount);

}  // namespace hotloop
