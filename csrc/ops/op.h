// The op record: all that the library knows of an op, in one place. Ops are run by one door (call.h);
// the tape, the profiler and the recorder read these records and never a kernel.
#pragma once

#include "core/tensor.h"

namespace hotloop {

constexpr int kMaxOutputs = 4;

struct OpRecord;

// One running of an op. Inputs that the caller left out are undefined tensors.
struct Call {
  const OpRecord& op;
  const Tensor* inputs;
  int n_inputs;
  const void* attributes;  // the op's own struct; trivially copyable
  Device device = {};      // where it runs: the inputs' device; creation ops set it
  Tensor outputs[kMaxOutputs] = {};
  int n_outputs = 1;
  bool in_place = false;  // outputs[0] is a tensor of the caller's, written over
  Tensor original = {};   // what outputs[0] held before that, where a listener asked for it

  const Tensor& in(int i) const { return inputs[i]; }
  bool has(int i) const { return i < n_inputs && inputs[i].defined(); }
  template <class A>
  const A& attrs() const {
    return *static_cast<const A*>(attributes);
  }

  // For shape rules: gives output i its memory, or checks the caller's.
  void output(int i, const Dims& sizes, DType dtype);
};

// What a gradient function sees of a past call; the tape implements it.
class Gradient {
 public:
  virtual int n_inputs() const = 0;
  virtual bool needs(int input) const = 0;  // is this input's gradient asked for
  virtual Tensor in(int input) = 0;         // as saved; the record's `saves` must name it
  virtual Tensor out(int output) = 0;       // as saved
  virtual bool has(int input) const = 0;    // was this input given
  virtual Dims in_sizes(int input) const = 0;
  virtual DType in_dtype(int input) const = 0;
  virtual const Tensor& grad(int output) const = 0;  // undefined when that output took no part in the loss
  virtual const void* attributes() const = 0;
  virtual bool records() const = 0;  // create_graph: the gradient itself is being taped
  // Gives an input's gradient. It is summed down to in_sizes(input) where the op broadcast that input,
  // and cast to its dtype.
  virtual void set(int input, Tensor grad) = 0;
  template <class A>
  const A& attrs() const {
    return *static_cast<const A*>(attributes());
  }

 protected:
  ~Gradient() = default;
};

struct Cost {
  double flops = 0;
  double bytes = 0;  // read and written
};

// Which tensors the gradient reads, so that no others are kept alive: bit i of inputs[j] says that
// the gradient of input j reads input i; bit i of outputs[j], that it reads output i. j = 3 stands for
// input 3 and all after it; bit 31, for input 31 and all after it.
struct Saves {
  uint32_t inputs[4] = {};
  uint32_t outputs[4] = {};

  // The same tensors for the gradient of every input.
  static constexpr Saves of(uint32_t inputs, uint32_t outputs = 0) {
    return {{inputs, inputs, inputs, inputs}, {outputs, outputs, outputs, outputs}};
  }
};

// One launcher a device; null where the op has none there. A launcher fills its family's argument struct and hands it
// to dispatch, which knows the kernels.
struct Launchers {
  void (*on[kDeviceTypes])(Call&) = {};
  constexpr auto operator[](int device) const { return on[device]; }
};
// Of an op that reads no memory itself: one launcher serves all devices.
constexpr Launchers every_device(void (*launch)(Call&)) { return {{launch, launch}}; }

struct OpRecord {
  const char* name;
  // Shape rule: checks inputs and attributes, and calls Call::output for every output.
  void (*shape)(Call&);
  Launchers kernel = {};  // null on a device: the door says so, naming both
  // Null: the outputs never require grad (indices, comparisons).
  void (*gradient)(Gradient&) = nullptr;
  Saves saves = {};
  Cost (*cost)(const Call&) = nullptr;  // null: the memory traffic of inputs and outputs
  uint16_t attributes_bytes = 0;
  bool takes_host_numbers = false;  // on a GPU: 0-d inputs may lie on the CPU, as the kernel takes their values
  uint16_t code = 0;                // the op's number within its family
  uint8_t n_differentiable = 1;     // outputs from here on carry no gradient (statistics, indices)
  bool is_view = false;             // outputs[0] shares the memory of inputs[0]; no kernel runs
};

Cost cost_of(const Call& call);

}  // namespace hotloop
