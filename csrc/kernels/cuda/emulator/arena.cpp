#include "kernels/cuda/emulator/arena.h"

#include <algorithm>
#include <atomic>

#include <sys/mman.h>

#include "core/error.h"
#include "kernels/cuda/emulator/worker.h"

namespace hotloop::emulator {

namespace {

constexpr size_t kWord = 4;

char* reserve(size_t bytes) {
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    fail<OutOfMemory>("emulator: %zu bytes of address space can't be reserved", bytes);
  }
  madvise(base, bytes, MADV_DONTDUMP);
  return static_cast<char*>(base);
}

// Workers look at records of global memory at the same time. One that is lost so is a race of the kernel that may
// go unseen this time; none is made up.
Record get(const Record& record) {
  return std::atomic_ref(const_cast<Record&>(record)).load(std::memory_order_relaxed);
}
void set(Record& record, Record value) { std::atomic_ref(record).store(value, std::memory_order_relaxed); }

bool is_state(Record record) { return slot_of(record) < first_slot; }

void report_state(State state, Record record, size_t bytes, const char* p, Access access, Worker& worker) {
  const char* verb = access == Access::read ? "reads" : access == Access::write ? "writes" : "atomically changes";
  const std::string what = std::string(verb) + " " + std::to_string(bytes) + " bytes at " + worker.where(p);
  switch (state) {
    case freed: worker.fail_here(Fault::use_after_free, what + ", which was freed");
    case pending:
      worker.fail_here(Fault::pending_copy, what + ", to which " + worker.who(int(thread_of(record))) +
                                                " issued a cp.async that it has not waited for");
    default: worker.fail_here(Fault::out_of_bounds, what + ", out of bounds");
  }
}

// What the record of reads becomes when `worker`'s thread reads too.
Record with_reader(Record readers, Record floor, const Worker& worker) {
  const Record key = worker.key();
  if (readers < floor) return key;
  const uint32_t slot = slot_of(readers), mine = slot_of(key);
  auto scope = Readers(readers & kFlags);
  if (scope == many_blocks) return readers;
  if (slot != mine) {
    const Grid& grid = worker.grid();
    const bool same_block = block_of_slot(grid, slot) == block_of_slot(grid, mine);
    return same_block ? key : (key | many_blocks);  // in the block's own past: ordered, so that this one stands for it
  }
  if (scope == one_block || thread_of(readers) / kLanes != thread_of(key) / kLanes) {
    return (key & ~kFlags) | one_block;
  }
  if (thread_of(readers) == thread_of(key) && scope == one_thread) return key;
  return worker.is_ordered(readers) ? key : (key | one_warp);
}

// Whether all who read are known to have read before the running thread writes.
bool readers_are_ordered(Record readers, const Worker& worker) {
  const Record key = worker.key();
  const auto scope = Readers(readers & kFlags);
  if (scope == many_blocks) return false;
  if (slot_of(readers) == slot_of(key)) {
    if (scope == one_block) return false;
    if (scope == one_warp && thread_of(readers) == thread_of(key)) return false;
  }
  return worker.is_ordered(readers);
}

}  // namespace

Arena::Arena(size_t bytes)
    : size_(bytes),
      base_(reserve(bytes)),
      writes_(reinterpret_cast<Record*>(reserve(bytes / kWord * sizeof(Record)))),
      reads_(reinterpret_cast<Record*>(reserve(bytes / kWord * sizeof(Record)))),
      byte_writes_(reinterpret_cast<Record*>(reserve(bytes * sizeof(Record)))),
      byte_reads_(reinterpret_cast<Record*>(reserve(bytes * sizeof(Record)))) {}

Arena::~Arena() {
  munmap(base_, size_);
  munmap(writes_, size_ / kWord * sizeof(Record));
  munmap(reads_, size_ / kWord * sizeof(Record));
  munmap(byte_writes_, size_ * sizeof(Record));
  munmap(byte_reads_, size_ * sizeof(Record));
}

void Arena::discard(size_t offset, size_t bytes) {
  madvise(base_ + offset, bytes, MADV_DONTNEED);
  madvise(writes_ + offset / kWord, bytes / kWord * sizeof(Record), MADV_DONTNEED);
  madvise(reads_ + offset / kWord, bytes / kWord * sizeof(Record), MADV_DONTNEED);
  madvise(byte_writes_ + offset, bytes * sizeof(Record), MADV_DONTNEED);
  madvise(byte_reads_ + offset, bytes * sizeof(Record), MADV_DONTNEED);
}

void Arena::divide(size_t word) {
  const Record written = get(writes_[word]), read = get(reads_[word]);
  if (slot_of(written) == split) return;  // another worker has, meanwhile
  for (size_t i = 0; i < kWord; ++i) {
    set(byte_writes_[word * kWord + i], written);
    set(byte_reads_[word * kWord + i], read);
  }
  set(writes_[word], make_record(split, 0, 0));
}

void Arena::set_state(size_t offset, size_t bytes, State state, uint32_t thread) {
  const Record record = make_record(state, 0, thread);
  const size_t end = offset + bytes;
  while (offset < end) {
    const size_t word = offset / kWord, first = offset % kWord, n = std::min(kWord - first, end - offset);
    if (n == kWord) {
      set(writes_[word], record);
      set(reads_[word], 0);
    } else {
      if (slot_of(get(writes_[word])) != split) divide(word);
      for (size_t i = first; i < first + n; ++i) {
        set(byte_writes_[word * kWord + i], record);
        set(byte_reads_[word * kWord + i], 0);
      }
    }
    offset += n;
  }
}

Record Arena::write_record(size_t offset) const {
  const Record record = get(writes_[offset / kWord]);
  return slot_of(record) == split ? get(byte_writes_[offset]) : record;
}

void Arena::touch(size_t offset, size_t bytes, Access access, Worker& worker, Record floor) {
  if ((offset | bytes) % kWord == 0) {
    for (const size_t end = offset + bytes; offset < end; offset += kWord) {
      const size_t word = offset / kWord;
      if (slot_of(get(writes_[word])) != split) [[likely]] {
        touch_cell(writes_[word], reads_[word], offset, bytes, access, worker, floor);
      } else {
        touch_part(offset, kWord, access, worker, floor);
      }
    }
    return;
  }
  while (bytes > 0) {
    const size_t n = std::min(kWord - offset % kWord, bytes);
    touch_part(offset, n, access, worker, floor);
    offset += n;
    bytes -= n;
  }
}

// Bytes of one word.
void Arena::touch_part(size_t offset, size_t bytes, Access access, Worker& worker, Record floor) {
  const size_t word = offset / kWord;
  if (slot_of(get(writes_[word])) != split) divide(word);
  for (size_t i = offset; i < offset + bytes; ++i) {
    touch_cell(byte_writes_[i], byte_reads_[i], i, bytes, access, worker, floor);
  }
  if (bytes == kWord && access == Access::write) {  // whole again
    set(writes_[word], get(byte_writes_[offset]));
    set(reads_[word], 0);
  }
}

void Arena::touch_cell(Record& written, Record& read, size_t offset, size_t bytes, Access access, Worker& worker,
                       Record floor) {
  const Record key = worker.key(), last = get(written);
  const bool is_write = access == Access::write || access == Access::atomic;
  const bool is_atomic = access == Access::atomic || access == Access::atomic_load;
  const char* p = base_ + offset;
  if ((last & ~kFlags) != key) {
    if (slot_of(last) == split) return;  // another worker divides the word just now: this access goes unrecorded
    if (is_state(last) && slot_of(last) != clean) {
      report_state(State(slot_of(last)), last, bytes, p, access, worker);
    }
    if (last < floor) {
      if (access != Access::write && worker.shared().holds(p)) {
        worker.report_uninitialized(p, bytes);
      }
    } else if (!(is_atomic && (last & kAtomicWrite)) && !worker.is_ordered(last)) {
      worker.report_race(p, bytes, is_write, last, true);
    }
  }
  if (!is_write) {
    if (access == Access::read) {
      const Record readers = get(read);
      if (readers != key) set(read, with_reader(readers, floor, worker));
    }
    return;
  }
  const Record readers = get(read);
  if (readers >= floor && readers != key && !readers_are_ordered(readers, worker)) {
    worker.report_race(p, bytes, is_write, readers, false);
  }
  set(written, is_atomic ? key | kAtomicWrite : key);
}

}  // namespace hotloop::emulator
