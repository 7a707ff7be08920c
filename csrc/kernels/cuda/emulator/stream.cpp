#include "kernels/cuda/emulator/stream.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <set>

#include "core/error.h"

namespace hotloop::emulator {

namespace {

constinit std::atomic<int> under_way{0};  // so that nobody who records nothing looks further

struct Recordings {
  std::mutex mutex;
  uint64_t last_id = 0;
  std::map<uint64_t, std::unique_ptr<Recording>> by_id;
  std::map<StreamHandle, Recording*> by_stream;
};
Recordings& recordings() {
  static auto* const all = new Recordings;
  return *all;
}

}  // namespace

void Recording::add(StreamHandle stream, std::function<void()> work) {
  work_.push_back(std::move(work));
  if (stream != origin_) last_[stream] = work_.size();
}

void Recording::wait(StreamHandle stream, StreamHandle other, size_t length) {
  if (stream == origin_) {
    size_t& waited = waited_[other];
    if (waited < length) waited = length;
  } else {
    last_[stream] = work_.size();  // it takes part from here on, and must be waited for
  }
}

bool Recording::is_joined() const {
  for (const auto& [stream, length] : last_) {
    const auto waited = waited_.find(stream);
    if (waited == waited_.end() || waited->second < length) return false;
  }
  return true;
}

Recording* recording_of(StreamHandle stream) {
  if (under_way.load(std::memory_order_relaxed) == 0) return nullptr;
  Recordings& all = recordings();
  std::lock_guard lock(all.mutex);
  const auto found = all.by_stream.find(stream);
  return found == all.by_stream.end() ? nullptr : found->second;
}

void begin_recording(StreamHandle stream) {
  if (stream == nullptr) fail<RuntimeError>("emulated capture: the legacy default stream can't be captured");
  Recordings& all = recordings();
  std::lock_guard lock(all.mutex);
  if (all.by_stream.contains(stream)) fail<RuntimeError>("emulated capture: the stream is being captured already");
  const uint64_t id = ++all.last_id;
  all.by_stream[stream] = (all.by_id[id] = std::make_unique<Recording>(id, stream)).get();
  under_way.fetch_add(1);
}

Recording* end_recording(StreamHandle stream) {
  Recordings& all = recordings();
  std::lock_guard lock(all.mutex);
  const auto found = all.by_stream.find(stream);
  if (found == all.by_stream.end() || found->second->origin() != stream)
    fail<RuntimeError>("emulated capture: no capture began on this stream");
  Recording* const recording = found->second;
  std::unique_ptr<Recording> own = std::move(all.by_id.at(recording->id()));
  all.by_id.erase(recording->id());
  std::erase_if(all.by_stream, [&](const auto& entry) { return entry.second == recording; });
  under_way.fetch_sub(1);
  if (!own->is_joined())
    fail<RuntimeError>("emulated capture: it ends before the first stream waited for all others that it was forked to");
  return own.release();
}

void mark(Event& event, StreamHandle stream) {
  const Recording* const recording = recording_of(stream);
  event = {std::chrono::steady_clock::now(), recording ? recording->id() : 0, stream,
           recording ? recording->length() : 0};
}

void wait(StreamHandle stream, const Event& event) {
  if (under_way.load(std::memory_order_relaxed) == 0) return;
  Recording* const own = recording_of(stream);
  if (event.recording == 0) {
    if (own) fail<RuntimeError>("emulated capture: a captured stream can't wait for work that isn't captured with it");
    return;
  }
  Recordings& all = recordings();
  std::lock_guard lock(all.mutex);
  const auto found = all.by_id.find(event.recording);
  if (found == all.by_id.end() || (own && own != found->second.get()) || stream == nullptr)
    fail<RuntimeError>("emulated capture: a stream can't wait for work of another capture");
  found->second->wait(stream, event.stream, event.length);
  if (!own) all.by_stream[stream] = found->second.get();
}

}  // namespace hotloop::emulator
