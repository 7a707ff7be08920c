// Memory that kernels may touch, with what is known of every byte: may it be touched at all, who wrote it last, who has
// read it since. One arena is the global memory of all devices; each OS thread that plays blocks has another for their
// shared memory.
//
// What is known is a record of 64 bits for the last write and one for the reads, per word of 4 bytes; a word that was
// touched in part has a record a byte instead. Records are never swept: they carry the time at which they were made.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotloop::emulator {

class Worker;

enum class Access : uint8_t { read, write, atomic, atomic_load };

// slot: which block between which of its barriers (time runs on through all launches); stamp: the warp's count of
// syncs in between; thread: within the block; flags: see below.
using Record = uint64_t;

constexpr int kSlotShift = 32, kStampShift = 12, kThreadShift = 2;
constexpr uint32_t kMaxStamp = (1u << (kSlotShift - kStampShift)) - 1;
constexpr Record kFlags = 3;

constexpr Record make_record(uint32_t slot, uint32_t stamp, uint32_t thread) {
  return Record(slot) << kSlotShift | Record(stamp) << kStampShift | Record(thread) << kThreadShift;
}
constexpr uint32_t slot_of(Record r) { return uint32_t(r >> kSlotShift); }
constexpr uint32_t stamp_of(Record r) { return uint32_t(r >> kStampShift) & kMaxStamp; }
constexpr uint32_t thread_of(Record r) { return uint32_t(r >> kThreadShift) & 1023; }

// Flags of a write's record.
constexpr Record kAtomicWrite = 1;
// Flags of a read's record: by one thread, by several of one warp, of one block, of several blocks.
enum Readers : uint8_t { one_thread, one_warp, one_block, many_blocks };

// Slots of write records that are no time but a state of the memory.
enum State : uint32_t {
  unmapped,  // not given out, such as red zones; what fresh pages hold
  clean,     // given out, not yet touched
  freed,
  split,    // this word has a record a byte
  pending,  // a cp.async was issued to it and not waited for
  first_slot = 16,
};

class Arena {
 public:
  explicit Arena(size_t bytes);  // throws OutOfMemory
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  char* base() const { return base_; }
  size_t size() const { return size_; }
  bool holds(const void* p) const { return size_t(static_cast<const char*>(p) - base_) < size_; }
  size_t offset(const void* p) const { return size_t(static_cast<const char*>(p) - base_); }

  void set_state(size_t offset, size_t bytes, State state, uint32_t thread = 0);
  Record write_record(size_t offset) const;  // of one byte

  // Looks whether the running thread of `worker` may make this access, and records that it did. `floor` is the first
  // record that still counts.
  void touch(size_t offset, size_t bytes, Access access, Worker& worker, Record floor);

  // Gives the pages back to the operating system: the bytes are zero then, and unmapped.
  void discard(size_t offset, size_t bytes);

 private:
  void touch_part(size_t offset, size_t bytes, Access access, Worker& worker, Record floor);
  void touch_cell(Record& written, Record& read, size_t offset, size_t bytes, Access access, Worker& worker,
                  Record floor);
  void divide(size_t word);

  size_t size_;
  char* base_;
  Record *writes_, *reads_;            // a word
  Record *byte_writes_, *byte_reads_;  // a byte
};

}  // namespace hotloop::emulator
