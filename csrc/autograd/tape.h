// The tape: a listener at the door that records what backward will need (csrc/autograd/tape.cpp), and
// the engine that runs it (engine.cpp).
#pragma once

#include <functional>
#include <vector>

#include "autograd/node.h"
#include "ops/call.h"

namespace hotloop {

void install_tape();  // makes the tape the door's listener kTape

inline bool grad_enabled() { return thread_state.active_listeners & kTape; }
inline void set_grad_enabled(bool on) {
  if (on)
    thread_state.active_listeners |= kTape;
  else
    thread_state.active_listeners &= ~uint32_t(kTape);
}

// Sets grad mode for a scope.
class GradMode {
 public:
  explicit GradMode(bool on) : before_(grad_enabled()) { set_grad_enabled(on); }
  ~GradMode() { set_grad_enabled(before_); }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

// d roots / d leaves, weighted by `grads` (undefined: ones, allowed for one-element roots), added into
// the leaves' .grad; or, where `inputs` isn't empty, returned in their order (undefined: unused).
struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool accumulate = true;  // into .grad (of `inputs` alone where any are given); false: return them
};
std::vector<Tensor> backward(const std::vector<Tensor>& roots, const std::vector<Tensor>& grads,
                             const std::vector<Tensor>& inputs, const BackwardOptions& options);

// The innermost backward that this thread runs: a number that no other in the process has; 0 outside of one.
uint64_t current_backward();
bool backward_is_selective();  // is it one for given inputs only
// Calls f when that backward ends, well or not; f must not throw.
void at_backward_end(std::function<void()> f);

// The tensor's data without its history; shares memory.
Tensor detach(const Tensor& t);
void set_requires_grad(const Tensor& t, bool on);  // leaves only; floating dtypes only
void retain_grad(const Tensor& t);
bool is_leaf(const Tensor& t);
Tensor grad_of(const Tensor& t);
void set_grad(const Tensor& t, const Tensor& grad);  // checks shape, dtype, device

// Calls `hook` with t's gradient whenever backward has it whole.
void add_hook(const Tensor& t, Ref<TensorHook> hook);
// Calls `hook` with the leaf t itself whenever a backward has added to its .grad.
void add_post_accumulate_hook(const Tensor& t, Ref<TensorHook> hook);

}  // namespace hotloop
