#include "kernels/cuda/emulator/worker.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <utility>

namespace hotloop::emulator {

namespace {

constexpr uint32_t kAllLanes = 0xffffffffu;
// After so many accesses in one go a thread lets others run, for it may spin for what they do; so often before any
// thread of the block gets further: a second or so.
constexpr int64_t kPatience = 1 << 16, kMaxImpatience = 1 << 10;
// In the random schedule: between 1 and so many accesses.
constexpr uint64_t kRandomPatience = 64;
// Shared memory of one block, with red zones.
constexpr size_t kSharedArenaBytes = 512 << 10;
constexpr size_t kRedZone = 128;
constexpr size_t kDynamicAlign = 128;  // as DYNAMIC_SHARED says

uint32_t lanes_below(int count) { return count >= kLanes ? kAllLanes : (1u << count) - 1; }

std::string show(const char* what, uint3 index) {
  char text[96];
  std::snprintf(text, sizeof text, "%s (%u, %u, %u)", what, index.x, index.y, index.z);
  return text;
}

std::string show_mask(uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

}  // namespace

constinit thread_local Worker* running_worker = nullptr;
constinit thread_local Worker* hooked_worker = nullptr;

Worker::Worker() : threads_(kMaxThreads), warps_(kMaxWarps), copies_(kMaxThreads), shared_(kSharedArenaBytes) {}

Worker::~Worker() {
  for (Stack stack : stacks_) unmap_stack(stack);
}

uint64_t Worker::random() {  // xorshift
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

std::string Worker::who(int thread) const { return show("thread", threads_[thread].index); }

// --- a block ----------------------------------------------------------------------------------------

void Worker::play(Grid& grid, uint3 block, uint64_t block_number) {
  begin_block(grid, block, block_number);
  running_worker = this;
  run_next(nullptr);
  running_worker = nullptr;
  grid.accesses += accesses_ + uint64_t(given_patience_ - patience_);
}

void Worker::begin_block(Grid& grid, uint3 block, uint64_t block_number) {
  const dim3 size = grid.launch.block;
  grid_ = &grid;
  block_ = block;
  block_number_ = block_number;
  count_ = alive_ = int(size.x * size.y * size.z);
  warp_count_ = (count_ + kLanes - 1) / kLanes;
  for (int i = 0; i < count_; ++i) {
    threads_[i].state = Thread::State::fresh;
    threads_[i].stamp = 0;
  }
  if (launch_ != grid.number) {
    for (unsigned i = 0; i < unsigned(count_); ++i) {
      threads_[i].index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
    }
  }
  for (int i = 0; i < warp_count_; ++i) {
    Warp& warp = warps_[i];
    warp.ready = warp.alive = lanes_below(count_ - i * kLanes);
    warp.meetings.clear();
  }
  ready_warps_ = lanes_below(warp_count_);
  current_warp_ = grid.schedule == Schedule::reverse ? warp_count_ - 1 : 0;
  at_barrier_ = predicates_ = 0;
  free_stacks_ = stacks_;
  accesses_ = 0;
  impatience_ = 0;
  random_ = (grid.seed + 1) * 0x9e3779b97f4a7c15u ^ (block_number + 1) * 0xbf58476d1ce4e5b9u;
  random_ |= 1;
  thread_ = -1;
  advance_slot();
  block_floor_ = slot_;
  new_patience();
  lay_out_shared();
  if (copies_used_) {
    for (AsyncCopies& copies : copies_) copies.copies.clear(), copies.group_ends.clear();
    copies_used_ = false;
  }
}

void Worker::advance_slot() {
  slot_ = new_slot(*grid_, block_number_);
  for (int i = 0; i < warp_count_; ++i) {
    Warp& warp = warps_[i];
    warp.clock = warp.all_since = 0;
    if (warp.partial) std::memset(warp.known.get(), 0, sizeof(uint32_t[kLanes][kLanes]));
    warp.partial = false;
  }
  for (int i = 0; i < count_; ++i) threads_[i].stamp = 0;
}

// --- which thread runs ------------------------------------------------------------------------------

int Worker::pick() {
  if (ready_warps_ == 0) return -1;
  if (grid_->schedule == Schedule::random || std::exchange(pick_any_, false)) {
    const auto choose = [this](uint32_t set) {
      for (int n = int(random() >> 33) % std::popcount(set); n > 0; --n) set &= set - 1;
      return std::countr_zero(set);
    };
    current_warp_ = choose(ready_warps_);
    return current_warp_ * kLanes + choose(warps_[current_warp_].ready);
  }
  const auto choose = [this](uint32_t set) {
    return grid_->schedule == Schedule::reverse ? 31 - std::countl_zero(set) : std::countr_zero(set);
  };
  if (warps_[current_warp_].ready == 0) current_warp_ = choose(ready_warps_);
  return current_warp_ * kLanes + choose(warps_[current_warp_].ready);
}

void Worker::set_ready(int thread) {
  threads_[thread].state = Thread::State::ready;
  warps_[thread / kLanes].ready |= 1u << thread % kLanes;
  ready_warps_ |= 1u << thread / kLanes;
}

// Switches from a thread (null: from play) to the one that is picked, or back to play when none is left. Returns at
// once when that is the same one, or when `from` is done and the picked one begins: it begins on the same stack.
void Worker::run_next(Thread* from) {
  const int next = pick();
  if (next < 0) {
    if (alive_ > 0) report_deadlock();
    switch_fiber(from->fiber, main_);
    return;
  }
  Thread& thread = threads_[next];
  const bool begins = thread.state == Thread::State::fresh;
  Warp& warp = warps_[next / kLanes];
  warp.ready &= ~(1u << next % kLanes);
  if (warp.ready == 0) ready_warps_ &= ~(1u << next / kLanes);
  thread.state = Thread::State::running;
  thread_ = next;
  new_key();
  if (&thread == from) return;
  const bool leaves = from != nullptr && from->state == Thread::State::done;
  if (begins && leaves) {
    thread.stack = from->stack;
    return;
  }
  if (leaves) free_stacks_.push_back(from->stack);
  if (begins) {
    if (free_stacks_.empty()) {
      stacks_.push_back(map_stack());
      free_stacks_.push_back(stacks_.back());
    }
    thread.stack = free_stacks_.back();
    free_stacks_.pop_back();
    prepare(thread.fiber, thread.stack, trampoline);
  }
  switch_fiber(from ? from->fiber : main_, thread.fiber);
}

void Worker::trampoline() {
  Worker& worker = *running_worker;
  for (;;) {
    hooked_worker = &worker;
    worker.grid_->launch.call(worker.grid_->launch.arguments);
    hooked_worker = nullptr;
    worker.finish_thread();
  }
}

void Worker::finish_thread() {
  Thread& thread = threads_[thread_];
  thread.state = Thread::State::done;
  --alive_;
  impatience_ = 0;
  Warp& mine = warp();
  mine.alive &= ~(1u << lane());
  if (at_barrier_ > 0) {
    fail_here(Fault::divergent_barrier,
              std::string("leaves the kernel while others of its block wait at ") + barrier_name_);
  }
  if (!mine.meetings.empty()) leave_meetings();
  run_next(&thread);
}

void Worker::suspend() { run_next(&threads_[thread_]); }

void Worker::new_patience() {
  patience_ = grid_->schedule == Schedule::random ? 1 + int64_t(random() >> 33) % kRandomPatience : kPatience;
  given_patience_ = patience_;
}

void Worker::lose_patience() {
  accesses_ += uint64_t(given_patience_);
  new_patience();
  if (grid_->schedule != Schedule::random && ++impatience_ > kMaxImpatience) {
    fail_here(Fault::no_progress, "spins, and no thread of its block gets any further");
  }
  pick_any_ = true;
  set_ready(thread_);
  suspend();
}

// --- where threads wait -----------------------------------------------------------------------------

int Worker::wait_at_barrier(const char* name, int predicate) {
  if (alive_ < count_) {
    fail_here(Fault::divergent_barrier, std::string("comes to ") + name + " after others of its block left the kernel");
  }
  if (at_barrier_ > 0 && name != barrier_name_) {
    fail_here(Fault::divergent_barrier,
              std::string("comes to ") + name + " while others of its block wait at " + barrier_name_);
  }
  barrier_name_ = name;
  predicates_ += predicate != 0;
  if (++at_barrier_ < count_) {
    threads_[thread_].state = Thread::State::at_barrier;
  } else {
    barrier_count_ = predicates_;
    at_barrier_ = predicates_ = 0;
    advance_slot();
    for (int i = 0; i < count_; ++i) set_ready(i);
    current_warp_ = grid_->schedule == Schedule::reverse ? warp_count_ - 1 : 0;
  }
  suspend();
  return barrier_count_;
}

void Worker::meet(const Collective& collective, uint32_t mask, void* data) {
  Warp& mine = warp();
  const uint32_t bit = 1u << lane();
  if (!(mask & bit)) {
    fail_here(Fault::divergent_collective,
              std::string("calls ") + collective.name + " with the mask " + show_mask(mask) + ", in which it is not");
  }
  if (collective.aligned && mine.alive != kAllLanes) {
    fail_here(Fault::divergent_collective, std::string("calls ") + collective.name +
                                               ", which needs a whole warp, in one whose lanes are " +
                                               show_mask(mine.alive));
  }
  auto meeting = std::find_if(mine.meetings.begin(), mine.meetings.end(), [=](auto& m) { return m.mask == mask; });
  if (meeting == mine.meetings.end()) {
    mine.meetings.push_back({&collective, mask, 0});
    meeting = mine.meetings.end() - 1;
  } else if (meeting->collective != &collective) {
    fail_here(Fault::divergent_collective, std::string("calls ") + collective.name + " where other lanes of the mask " +
                                               show_mask(mask) + " call " + meeting->collective->name);
  }
  mine.data[lane()] = data;
  meeting->arrived |= bit;
  if (meeting->arrived != (mask & mine.alive)) {
    threads_[thread_].state = Thread::State::at_collective;
    suspend();
    return;
  }
  complete(size_t(meeting - mine.meetings.begin()));
  if (grid_->schedule == Schedule::random) {
    set_ready(thread_);
    suspend();
  }
}

// All lanes are there: does the work, and lets the waiting ones go on.
void Worker::complete(size_t index) {
  Warp& mine = warp();
  const Meeting meeting = mine.meetings[index];
  mine.meetings.erase(mine.meetings.begin() + std::ptrdiff_t(index));
  meeting.collective->run(mine.data, meeting.arrived, *this);
  impatience_ = 0;
  const int first = thread_ - lane();
  for (uint32_t lanes = meeting.arrived; lanes != 0; lanes &= lanes - 1) {
    const int thread = first + std::countr_zero(lanes);
    if (threads_[thread].state == Thread::State::at_collective) set_ready(thread);
  }
}

// A thread that is done is waited for no longer, but for instructions that need it.
void Worker::leave_meetings() {
  Warp& mine = warp();
  const uint32_t bit = 1u << lane();
  for (size_t i = mine.meetings.size(); i-- > 0;) {
    const Meeting& meeting = mine.meetings[i];
    if (!(meeting.mask & bit)) continue;
    if (meeting.collective->aligned) {
      fail_here(Fault::divergent_collective,
                std::string("leaves the kernel while other lanes of its warp wait at ") + meeting.collective->name);
    }
    if (meeting.arrived == (meeting.mask & mine.alive)) complete(i);
  }
}

void Worker::sync_warp(uint32_t lanes) {
  Warp& mine = warp();
  const int first = thread_ - lane();
  const uint32_t all = lanes_below(count_ - first), stamp = ++mine.clock;
  if (stamp > kMaxStamp) fail_here(Fault::no_progress, "comes to __syncwarp a million times between two barriers");
  for (uint32_t set = lanes; set != 0; set &= set - 1) threads_[first + std::countr_zero(set)].stamp = stamp;
  if (lanes == all) {
    mine.all_since = stamp;
  } else {  // each knows from now on what any of them knew, and what each of them did
    if (!mine.known) mine.known.reset(new uint32_t[kLanes][kLanes]());
    mine.partial = true;
    uint32_t together[kLanes] = {};
    for (int i = 0; i < kLanes; ++i) {
      if (!(lanes >> i & 1)) continue;
      for (int j = 0; j < kLanes; ++j) together[j] = std::max(together[j], mine.known[i][j]);
    }
    for (int j = 0; j < kLanes; ++j) {
      if (lanes >> j & 1) together[j] = stamp;
    }
    for (int i = 0; i < kLanes; ++i) {
      if (lanes >> i & 1) std::copy_n(together, kLanes, mine.known[i]);
    }
  }
  new_key();
}

bool Worker::is_ordered(Record record) const {
  const uint32_t slot = slot_of(record), thread = thread_of(record);
  if (slot != slot_) return block_of_slot(*grid_, slot) == block_number_;  // then a barrier lies between
  if (int(thread) == thread_) return true;
  if (int(thread) / kLanes != thread_ / kLanes) return false;
  const Warp& mine = warps_[thread_ / kLanes];
  const uint32_t stamp = stamp_of(record);
  return stamp < mine.all_since || (mine.partial && stamp < mine.known[lane()][thread % kLanes]);
}

// --- memory -----------------------------------------------------------------------------------------

void Worker::touch(const void* p, size_t bytes, Access access) {
  if (global_.holds(p)) {
    global_.touch(global_.offset(p), bytes, access, *this, grid_->floor());
  } else if (shared_.holds(p)) {
    shared_.touch(shared_.offset(p), bytes, access, *this, Record(block_floor_) << kSlotShift);
  } else {
    touch_elsewhere(p, bytes, access);
  }
}

void Worker::read_as(int lane, const void* p, size_t bytes) {
  const int thread = thread_;
  thread_ = thread - this->lane() + lane;
  new_key();
  check_aligned(p, bytes);
  if (!shared_.holds(p)) fail_here(Fault::out_of_bounds, "reads a row of a matrix from memory that is not shared");
  touch(p, bytes, Access::read);
  thread_ = thread;
  new_key();
}

void Worker::touch_elsewhere(const void* p, size_t bytes, Access access) {
  const auto* q = static_cast<const char*>(p);
  const Stack own = threads_[thread_].stack;
  if (q >= own.base && q + bytes <= own.base + kStackBytes) return;
  const auto* arguments = static_cast<const char*>(grid_->launch.arguments);
  if (access == Access::read) {
    if (q >= arguments && q + bytes <= arguments + grid_->launch.argument_bytes) return;
    if (is_constant_data(p)) return;
  }
  char text[160];
  std::snprintf(text, sizeof text, "%s %zu bytes at %p, which is %s", access == Access::read ? "reads" : "writes",
                bytes, p, p == nullptr ? "null" : "the host's memory");
  fail_here(Fault::host_memory, text);
}

void Worker::fail_misaligned(const void* p, size_t bytes) {
  fail_here(Fault::misaligned,
            "accesses " + std::to_string(bytes) + " bytes at " + where(p) + ", which is not aligned to them");
}

size_t Worker::place_shared(size_t bytes, size_t align) {
  align = std::max<size_t>(align, 16);
  size_t offset = (shared_used_ + kRedZone + align - 1) / align * align;
  if (offset / align % 2 == 0) offset += align;  // aligned as asked for and no better
  shared_used_ = offset + bytes;
  if (shared_used_ + kRedZone > shared_.size()) fail_here(Fault::out_of_bounds, "uses too many shared arrays");
  shared_.set_state(offset, bytes, clean);
  std::memset(shared_.base() + offset, 0xff, bytes);
  return offset;
}

// The first block of a launch finds out which arrays there are; the others find the same, poisoned again.
void Worker::lay_out_shared() {
  if (launch_ != grid_->number) {
    launch_ = grid_->number;
    shared_.set_state(0, shared_used_, unmapped);
    arrays_.clear();
    shared_used_ = static_bytes_ = 0;
    dynamic_offset_ = grid_->launch.shared_bytes ? place_shared(grid_->launch.shared_bytes, kDynamicAlign) : 0;
    return;
  }
  std::memset(shared_.base(), 0xff, shared_used_);
  if (copies_used_) {  // some may still be pending
    for (const SharedArray& array : arrays_) shared_.set_state(array.offset, array.site->bytes, clean);
    shared_.set_state(dynamic_offset_, grid_->launch.shared_bytes, clean);
  }
}

void* Worker::shared_array(const SharedSite& site) {
  for (const SharedArray& array : arrays_) {
    if (array.site == &site) return shared_.base() + array.offset;
  }
  static_bytes_ += site.bytes;
  if (static_bytes_ > kMaxStaticSharedBytes || static_bytes_ + grid_->launch.shared_bytes > kMaxSharedBytes) {
    fail_here(Fault::out_of_bounds, "needs more shared memory than a block can have");
  }
  arrays_.push_back({&site, place_shared(site.bytes, site.align)});
  return shared_.base() + arrays_.back().offset;
}

void* Worker::dynamic_shared() {
  if (grid_->launch.shared_bytes == 0) {
    fail_here(Fault::out_of_bounds, "asks for dynamic shared memory, of which the launch has none");
  }
  return shared_.base() + dynamic_offset_;
}

std::string Worker::where(const void* p) const {
  if (global_.holds(p)) return describe_global(p);
  if (!shared_.holds(p)) return "an address of the host's";
  const size_t offset = shared_.offset(p);
  // The array that it is in, or the nearest one below or above.
  const char* name = "shared memory";
  size_t start = 0, distance = SIZE_MAX;
  const auto consider = [&](const char* its_name, size_t its_start, size_t bytes) {
    const size_t away = offset < its_start           ? its_start - offset
                        : offset < its_start + bytes ? 0
                                                     : offset - its_start - bytes + 1;
    if (away < distance) name = its_name, start = its_start, distance = away;
  };
  if (grid_->launch.shared_bytes) consider("dynamic shared memory", dynamic_offset_, grid_->launch.shared_bytes);
  for (const SharedArray& array : arrays_) consider(array.site->name, array.offset, array.site->bytes);
  return std::string(name) + (offset < start ? " - " : " + ") +
         std::to_string(offset < start ? start - offset : offset - start);
}

// --- what went wrong --------------------------------------------------------------------------------

void Worker::fail_here(Fault fault, const std::string& what) {
  grid_->record_failure(fault, show("block", block_) + ", " + who(thread_) + ": " + what);
  switch_fiber(threads_[thread_].fiber, main_);
  __builtin_unreachable();
}

void Worker::report_race(const void* p, size_t bytes, bool is_write, Record other, bool other_is_write) {
  if (grid_->races++ >= kMaxMessages) return;
  const uint64_t block = block_of_slot(*grid_, slot_of(other));
  const bool many = !other_is_write && (other & kFlags) != one_thread;
  std::string text = what_access(p, bytes, is_write) + ", which ";
  if (block != block_number_) text += show("block", grid_->block_index(block)) + ", ";
  text += who(int(thread_of(other))) + (many ? " and others" : "");
  text += other_is_write ? " wrote" : " read";
  text += block != block_number_ ? " in the same launch" : " with no barrier in between";
  grid_->add_message(text);
}

void Worker::report_uninitialized(const void* p, size_t bytes) {
  if (grid_->uninitialized++ >= kMaxMessages) return;
  grid_->add_message(what_access(p, bytes, false) + ", which its block has not written");
}

std::string Worker::what_access(const void* p, size_t bytes, bool is_write) const {
  return show("block", block_) + ", " + who(thread_) + ": " + (is_write ? "writes " : "reads ") +
         std::to_string(bytes) + " bytes at " + where(p);
}

void Worker::report_deadlock() {
  std::string barrier, collective;
  for (int i = 0; i < count_; ++i) {
    if (threads_[i].state == Thread::State::at_barrier && barrier.empty()) {
      barrier = who(i) + " waits at " + barrier_name_;
    } else if (threads_[i].state == Thread::State::at_collective && collective.empty()) {
      for (const Meeting& meeting : warps_[i / kLanes].meetings) {
        if (!(meeting.arrived >> i % kLanes & 1)) continue;
        collective = who(i) + " waits at " + meeting.collective->name + " with the mask " + show_mask(meeting.mask) +
                     ", to which only the lanes " + show_mask(meeting.arrived) + " came";
      }
    }
  }
  const bool both = !barrier.empty() && !collective.empty();
  grid_->record_failure(collective.empty() ? Fault::divergent_barrier : Fault::divergent_collective,
                        show("block", block_) + ": no thread can go on: " + barrier + (both ? "; " : "") + collective);
  Fiber abandoned;
  switch_fiber(abandoned, main_);
  __builtin_unreachable();
}

}  // namespace hotloop::emulator
