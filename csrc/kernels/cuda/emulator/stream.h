// Streams and events of the emulated driver, and what a stream records. All work is done when it is given, unless it is
// recorded: then it is done when the recording is played.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace hotloop::emulator {

using StreamHandle = void*;  // as core/gpu.h has it; null is the legacy stream

// What one stream, and those that wait for it, were given since begin(), with copies of all arguments. Kernels, copies
// and fills in the order in which they came: one of those that a GPU may choose.
class Recording {
 public:
  Recording(uint64_t id, StreamHandle origin) : id_(id), origin_(origin) {}

  uint64_t id() const { return id_; }
  StreamHandle origin() const { return origin_; }
  void add(StreamHandle stream, std::function<void()> work);
  void play() const {
    for (const auto& work : work_) work();
  }

  // A stream that waits for `other` as it was when `other` had been given `length` pieces of work in all.
  void wait(StreamHandle stream, StreamHandle other, size_t length);
  size_t length() const { return work_.size(); }
  bool is_joined() const;  // the first stream has waited for all work of the others

 private:
  uint64_t id_;
  StreamHandle origin_;
  std::vector<std::function<void()>> work_;
  std::map<StreamHandle, size_t> last_;    // work of another stream, as the length after it
  std::map<StreamHandle, size_t> waited_;  // by the first stream
};

// The recording that this stream takes part in, or null.
Recording* recording_of(StreamHandle stream);
void begin_recording(StreamHandle stream);      // throws where it can't
Recording* end_recording(StreamHandle stream);  // whoever calls it owns it; throws where it can't be played

struct Event {
  std::chrono::steady_clock::time_point at;
  uint64_t recording = 0;  // it marks a place in; 0: in none
  StreamHandle stream = nullptr;
  size_t length = 0;  // of that recording, there
};
void mark(Event& event, StreamHandle stream);
void wait(StreamHandle stream, const Event& event);  // a stream that isn't recorded becomes so

}  // namespace hotloop::emulator
