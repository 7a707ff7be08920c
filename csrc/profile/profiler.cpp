#include "profile/profiler.h"

#include <chrono>
#include <cstring>
#include <memory>

#include "core/error.h"
#include "dispatch/list.h"
#include "ops/call.h"

namespace hotloop {

namespace {

using Clock = std::chrono::steady_clock;

// Ops may run inside an op's record keeping (a view's gradient, say), so starts are a stack.
struct Profile {
  std::vector<ProfileRow> rows;
  std::vector<Clock::time_point> starts;
};
thread_local std::unique_ptr<Profile> profile;

void before(Call&) {
  dispatch::detail::last = "";
  profile->starts.push_back(Clock::now());
}

void after(Call& call) {
  const Clock::time_point end = Clock::now();
  const double seconds = std::chrono::duration<double>(end - profile->starts.back()).count();
  profile->starts.pop_back();
  const DType dtype = call.outputs[0].dtype();
  ProfileRow* row = nullptr;
  for (ProfileRow& r : profile->rows)
    if (r.op == call.op.name && r.dtype == dtype) row = &r;
  if (!row) {
    profile->rows.push_back({call.op.name, "", dtype, 0, 0, 0, 0});
    row = &profile->rows.back();
  }
  if (call.op.is_view) {
    row->kernel = "view";
  } else {
    const Cost cost = cost_of(call);
    row->flops += cost.flops;
    row->bytes += cost.bytes;
    row->kernel = dispatch::last_kernel();
  }
  ++row->calls;
  row->seconds += seconds;
}

}  // namespace

void install_profiler() { listeners[1] = {before, after}; }

void profile_start() {
  if (profile) fail<RuntimeError>("profile: this thread is being profiled already");
  profile = std::make_unique<Profile>();
  thread_state.active_listeners |= kProfiler;
}

std::vector<ProfileRow> profile_stop() {
  if (!profile) fail<RuntimeError>("profile: this thread is not being profiled");
  thread_state.active_listeners &= ~uint32_t(kProfiler);
  std::vector<ProfileRow> rows = std::move(profile->rows);
  profile.reset();
  return rows;
}

}  // namespace hotloop
