// A tensor that a node keeps for backward, and the hooks that may keep something else in its place.
#pragma once

#include "autograd/node.h"

namespace hotloop {

// What a pack hook keeps instead of a tensor; gone with the node that saved it.
struct PackedTensor : RefCounted {
  virtual Tensor unpack() = 0;  // a tensor of the same sizes and dtype; its history doesn't count
};

// Hooks see every tensor that is saved on their thread while they are the innermost ones.
struct SavedTensorHooks : RefCounted {
  virtual Ref<PackedTensor> pack(const Tensor& t) = 0;  // t is without history
  virtual void use_leaf(const Tensor&) {}               // a node's edge leads to this leaf
  Ref<SavedTensorHooks> outer;
};
void push_saved_tensor_hooks(Ref<SavedTensorHooks> hooks);
void pop_saved_tensor_hooks();
void tell_saved_tensor_hooks(const Edge& edge);  // of a new node

// Only leaves that collect gradients are held as they are, the edge to them holds them anyway. Of all
// others the memory is held without the history: outputs own the node that holds them, and a later in-place
// op may give an input a history that leads back here. Plain memory costs no tensor of its own until backward.
class SavedTensor {
 public:
  SavedTensor() = default;
  // `spoiled`: has been written over already, so that check() will refuse it and no hook gets to see it.
  SavedTensor(const Tensor& t, bool as_it_is, bool spoiled = false);

  bool defined() const { return bool(kept_); }
  // Refuses a tensor whose memory was written to since; hooks' tensors can't be followed. The text names
  // `owner` and what the tensor was to it.
  void check(const Dims& sizes, const char* owner, const char* role, int index) const;
  // The tensor, of these sizes; nobody else's unless is_shared().
  Tensor unpack(const Dims& sizes) const;
  bool is_original() const { return kind_ == Kind::original; }
  bool is_shared() const { return kind_ == Kind::original || kind_ == Kind::alias; }

 private:
  enum class Kind : uint8_t { original, alias, memory, packed };

  const Storage* storage() const;  // null where a hook keeps it

  Ref<RefCounted> kept_;  // by kind: a TensorImpl (the first two), a Storage, a PackedTensor
  char* data_ = nullptr;  // of `memory`: its first element
  uint32_t version_ = 0;
  Kind kind_ = Kind::original;
  DType dtype_ = {};
  bool untracked_ = false;
};

// An unpacked tensor that nobody else has, with the history at the end of an edge.
void give_history(const Tensor& t, const Edge& edge);

// A saved tensor that knows its own sizes and where its gradient goes.
class SavedWithHistory {
 public:
  explicit SavedWithHistory(const Tensor& t) : SavedWithHistory(t, gradient_edge(t)) {}
  SavedWithHistory(const Tensor& t, Edge edge)
      : saved_(t, bool(edge.leaf)), sizes_(t.sizes()), edge_(std::move(edge)) {}
  Tensor unpack(const char* owner, const char* role, int index) const;

 private:
  SavedTensor saved_;
  Dims sizes_;
  Edge edge_;
};

}  // namespace hotloop
