#include "autograd/saved_tensor.h"

#include "autograd/tape.h"
#include "core/error.h"
#include "core/thread_local.h"

namespace hotloop {

namespace {

HOTLOOP_STATIC_TLS
constinit thread_local SavedTensorHooks* innermost = nullptr;  // owned: push retains, pop releases

// Hands the gradient of what a hook unpacked on to the leaf that was packed.
class Unpacked final : public Node {
 public:
  explicit Unpacked(const Edge& edge) { edges.emplace(edge); }
  const char* name() const override { return "unpacked"; }
  void apply(const Visit& visit) override { visit.grad_inputs[0] = visit.grad_outputs[0]; }
};

Ref<PackedTensor> pack(const Tensor& t) {
  const GradMode off(false);
  const uint32_t before = t->storage->version();
  const Ref<SavedTensorHooks> hooks(innermost);  // a hook may leave its own scope
  Ref<PackedTensor> packed = hooks->pack(detach(t));
  if (t->storage->version() != before)
    fail<RuntimeError>(
        "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
        "can not be modified by in-place operations as this can lead to unexpected side-effects.");
  return packed;
}

}  // namespace

void push_saved_tensor_hooks(Ref<SavedTensorHooks> hooks) {
  hooks->outer = Ref<SavedTensorHooks>(innermost);
  if (innermost) innermost->release();  // `outer` holds it now
  innermost = hooks.get();
  innermost->retain();
}

void pop_saved_tensor_hooks() {
  if (!innermost) fail<RuntimeError>("saved_tensors_hooks: there are none to leave on this thread");
  SavedTensorHooks* left = innermost;
  innermost = left->outer.get();
  if (innermost) innermost->retain();
  left->outer = Ref<SavedTensorHooks>();
  left->release();
}

void tell_saved_tensor_hooks(const Edge& edge) {
  if (innermost && edge.leaf) [[unlikely]]
    innermost->use_leaf(Tensor(edge.leaf));
}

SavedTensor::SavedTensor(const Tensor& t, bool as_it_is, bool spoiled)
    : version_(t->storage->version() - spoiled), dtype_(t.dtype()), untracked_(t->untracked) {
  if (innermost && !spoiled) [[unlikely]] {
    kind_ = Kind::packed;
    kept_ = Ref<RefCounted>(pack(t).get());
  } else if (as_it_is) {
    kept_ = Ref<RefCounted>(t.impl());
  } else if (t.is_contiguous()) {
    kind_ = Kind::memory;
    data_ = t.data<char>();
    kept_ = Ref<RefCounted>(t->storage.get());
  } else {
    kind_ = Kind::alias;
    kept_ = Ref<RefCounted>(make_view(t, t.sizes(), t.strides()).impl());
  }
}

const Storage* SavedTensor::storage() const {
  switch (kind_) {
    case Kind::memory: return static_cast<const Storage*>(kept_.get());
    case Kind::packed: return nullptr;
    default: return static_cast<const TensorImpl*>(kept_.get())->storage.get();
  }
}

void SavedTensor::check(const Dims& sizes, const char* owner, const char* role, int index) const {
  const Storage* memory = storage();
  if (!memory || untracked_ || memory->version() == version_) return;
  fail<RuntimeError>(
      "one of the variables needed for gradient computation has been modified by an inplace operation: [%s %s], "
      "which is %s %d of %s, is at version %u; expected version %u instead.",
      name(dtype_), to_string(sizes).c_str(), role, index, owner, memory->version(), version_);
}

Tensor SavedTensor::unpack(const Dims& sizes) const {
  switch (kind_) {
    case Kind::memory: {
      Ref<Storage> memory(static_cast<Storage*>(kept_.get()));
      Ref<TensorImpl> t = make_ref<TensorImpl>(std::move(memory), data_, dtype_, sizes, contiguous_strides(sizes));
      t->untracked = untracked_;
      return Tensor(std::move(t));
    }
    case Kind::packed: {
      const Tensor t = static_cast<PackedTensor*>(kept_.get())->unpack();
      if (!(t.sizes() == sizes) || t.dtype() != dtype_)
        fail<RuntimeError>("saved tensor unpack hook: expected a tensor of shape %s and dtype %s, got %s and %s",
                           to_string(sizes).c_str(), name(dtype_), to_string(t.sizes()).c_str(), name(t.dtype()));
      return make_view(t, t.sizes(), t.strides());
    }
    default: return Tensor(Ref<TensorImpl>(static_cast<TensorImpl*>(kept_.get())));
  }
}

void give_history(const Tensor& t, const Edge& edge) {
  if (edge.node)
    set_history(t, edge.node, edge.output);
  else if (edge.leaf)
    set_history(t, make_ref<Unpacked>(edge), 0);
}

Tensor SavedWithHistory::unpack(const char* owner, const char* role, int index) const {
  saved_.check(sizes_, owner, role, index);
  Tensor t = saved_.unpack(sizes_);
  if (saved_.is_original()) return t;
  if (saved_.is_shared() && edge_.wanted()) t = make_view(t, t.sizes(), t.strides());
  give_history(t, edge_);
  return t;
}

}  // namespace hotloop
