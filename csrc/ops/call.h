// The one door: every op is run here. It asks the shape rule, takes memory, launches the kernel and
// tells its listeners (tape, profiler, recorder); nothing else knows that they exist.
#pragma once

#include <concepts>
#include <type_traits>

#include "core/gpu.h"
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

// The memory of a function's `out`, for the op that makes the result: the first one whose result has its shape, dtype and
// device takes it. (Where that was a step on the way, the result is copied there in the end.)
struct Destination {
  const Tensor& out;     // contiguous and writable
  const char* function;  // where an input lies in out, only an elementwise op of this name may take it
  bool shared;           // whether one does
  bool taken = false;

  bool take(Call& call, const Dims& sizes, DType dtype, bool elementwise);
};

struct ThreadState {
  uint32_t active_listeners = kTape;  // kTape is set while gradients are recorded (grad mode)
  bool inference_mode = false;
  Destination* destination = nullptr;
};
inline thread_local ThreadState thread_state;

// Runs call.op; results are in call.outputs.
void run(Call& call);

// The inputs of one call, written {a, b}. They are borrowed, since they outlive the call: counting references
// would cost more than the rest of the door.
class Inputs {
 public:
  template <std::same_as<Tensor>... T>
    requires(sizeof...(T) <= 6)
  Inputs(const T&... tensors) : size_(sizeof...(T)) {
    Tensor* at = tensors_;
    (new (at++) Tensor(Ref<TensorImpl>::uncounted(tensors.impl())), ...);
  }
  ~Inputs() {}  // drops nothing
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  const Tensor* begin() const { return tensors_; }
  int size() const { return size_; }

 private:
  union {
    Tensor tensors_[6];
  };
  int size_;
};

template <class A>
inline Tensor call(const OpRecord& op, const Inputs& inputs, const A& attributes) {
  static_assert(std::is_trivially_copyable_v<A>);
  Call c{op, inputs.begin(), inputs.size(), &attributes};
  run(c);
  return std::move(c.outputs[0]);
}

inline Tensor call(const OpRecord& op, const Inputs& inputs) {
  Call c{op, inputs.begin(), inputs.size(), nullptr};
  run(c);
  return std::move(c.outputs[0]);
}

// The in-place form: `out` is written over and is outputs[0]. Results of another dtype or shape than
// `out` has are refused, naming the op.
template <class A>
inline void call_into(const Tensor& out, const OpRecord& op, const Inputs& inputs, const A& attributes) {
  static_assert(std::is_trivially_copyable_v<A>);
  Call c{op, inputs.begin(), inputs.size(), &attributes};
  c.outputs[0] = out;
  c.in_place = true;
  run(c);
}

inline void call_into(const Tensor& out, const OpRecord& op, const Inputs& inputs) {
  Call c{op, inputs.begin(), inputs.size(), nullptr};
  c.outputs[0] = out;
  c.in_place = true;
  run(c);
}

// Where a GPU's kernel reports an index out of range; null on the CPU, whose kernels are asked at once.
inline gpu::Fault* fault_slot(Device device) {
  return device.type == DeviceType::cuda ? gpu::fault_slot(device.index) : nullptr;
}

// Refuses an in-place write that can't be right: read-only memory, or elements that share memory.
void check_writable(const char* op, const Tensor& out);

}  // namespace hotloop
