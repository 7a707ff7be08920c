#include "core/cpu_count.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include <sched.h>

namespace hotloop {

namespace {

// 0 for no limit.
int cpus_of_quota(long long quota, long long period) {
  if (quota <= 0 || period <= 0) {
    return 0;
  }
  return int(std::clamp((quota + period - 1) / period, 1LL, 1LL << 20));
}

// v2: "max 100000" or "150000 100000".
int quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  long long quota = 0, period = 0;
  return file >> quota >> period ? cpus_of_quota(quota, period) : 0;
}

// v1: a quota of -1 means none.
int quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  long long quota = 0, period = 0;
  return quota_file >> quota && period_file >> period ? cpus_of_quota(quota, period) : 0;
}

int tighter(int a, int b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// Inside a container the path in /proc/self/cgroup may not exist under the mount: the walk up still
// ends at the mount itself, where the container's own limit then stands.
int tightest(const std::string& mount, std::string path, int (*quota)(const std::string&)) {
  int limit = 0;
  for (;;) {
    limit = tighter(limit, quota(mount + path));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
      return limit;
    }
    path.resize(slash);
  }
}

bool has_cpu_controller(const std::string& controllers) {
  std::istringstream list(controllers);
  std::string one;
  while (std::getline(list, one, ',')) {
    if (one == "cpu") {
      return true;
    }
  }
  return false;
}

std::string read_text(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

int cgroup_cpus(const std::string& membership, const std::string& mount) {
  int limit = 0;
  std::istringstream lines(membership);
  std::string line;
  while (std::getline(lines, line)) {  // hierarchy-ID:controller-list:path
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      limit = tighter(limit, tightest(mount, path, quota_v2));
    } else if (has_cpu_controller(controllers)) {
      limit = tighter(limit, tightest(mount + "/cpu", path, quota_v1));
      limit = tighter(limit, tightest(mount + "/" + controllers, path, quota_v1));
    }
  }
  return limit;
}

int affinity_cpus() {
#if defined(__linux__)
  // The kernel refuses a mask shorter than its own: grow until it fits.
  for (int capacity = CPU_SETSIZE; capacity <= 1 << 16; capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(size_t(capacity));
    if (set == nullptr) {
      break;
    }
    const size_t bytes = CPU_ALLOC_SIZE(size_t(capacity));
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) {
      return std::max(count, 1);
    }
  }
#endif
  return std::max(int(std::thread::hardware_concurrency()), 1);
}

int usable_cpus() {
  const int cpus = affinity_cpus();
  const int quota = cgroup_cpus(read_text("/proc/self/cgroup"), "/sys/fs/cgroup");
  return tighter(cpus, quota);
}

}  // namespace hotloop
