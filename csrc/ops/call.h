// The one door: every op is run here. It asks the shape rule, takes memory, launches the kernel and
// tells its listeners (tape, profiler, recorder); nothing else knows that they exist.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "ops/op.h"

namespace hotloop {

// A listener sees calls while its bit is set in `active_listeners` of the calling thread.
struct Listener {
  void (*before)(Call&) = nullptr;  // may refuse by throwing; nothing has been written yet
  void (*after)(Call&) = nullptr;
};
enum ListenerBit : uint32_t { kTape = 1, kProfiler = 2, kRecorder = 4 };
constexpr int kListeners = 3;
extern Listener listeners[kListeners];

struct ThreadState {
  uint32_t active_listeners = kTape;  // kTape is set while gradients are recorded (grad mode)
  bool inference_mode = false;
};
inline thread_local ThreadState thread_state;

// Runs call.op; results are in call.outputs.
void run(Call& call);

template <class A>
inline Tensor call(const OpRecord& op, std::initializer_list<Tensor> inputs, const A& attributes) {
  static_assert(std::is_trivially_copyable_v<A>);
  Call c{op, inputs.begin(), int(inputs.size()), &attributes};
  run(c);
  return std::move(c.outputs[0]);
}

inline Tensor call(const OpRecord& op, std::initializer_list<Tensor> inputs) {
  Call c{op, inputs.begin(), int(inputs.size()), nullptr};
  run(c);
  return std::move(c.outputs[0]);
}

// The in-place form: `out` is written over and is outputs[0]. Results of another dtype or shape than
// `out` has are refused, naming the op.
template <class A>
inline void call_into(const Tensor& out, const OpRecord& op, std::initializer_list<Tensor> inputs,
                      const A& attributes) {
  static_assert(std::is_trivially_copyable_v<A>);
  Call c{op, inputs.begin(), int(inputs.size()), &attributes};
  c.outputs[0] = out;
  c.in_place = true;
  run(c);
}

inline void call_into(const Tensor& out, const OpRecord& op, std::initializer_list<Tensor> inputs) {
  Call c{op, inputs.begin(), int(inputs.size()), nullptr};
  c.outputs[0] = out;
  c.in_place = true;
  run(c);
}

// Refuses an in-place write that can't be right: read-only memory, or elements that share memory.
void check_writable(const char* op, const Tensor& out);

}  // namespace hotloop
