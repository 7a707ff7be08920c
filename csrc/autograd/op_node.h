// The node of an op that went through the door: what its record's `saves` asks for, no more.
#pragma once

#include "autograd/saved_tensor.h"
#include "ops/op.h"

namespace hotloop {

class OpNode final : public Node {
 public:
  explicit OpNode(const Call& call);
  ~OpNode() override;

  // Which inputs the gradients that are asked for read: bit i is input i, bit 31 all from there on.
  static uint32_t inputs_read(const Call& call);

  const char* name() const override { return op_.name; }
  void apply(const Visit& visit) override;

 private:
  class Running;  // what the gradient function sees of one apply

  struct Sizes {
    int16_t first;  // into sizes_
    int8_t n;
  };
  struct Saved {
    SavedTensor tensor;
    Sizes sizes;
    int16_t index;
    bool is_output;
  };
  struct Input {
    Sizes sizes;
    DType dtype;
    Device device;
    bool given;
  };

  Sizes keep(const Dims& sizes);
  Dims dims(Sizes sizes) const;
  void save(const Call& call, int index, bool is_output);

  const OpRecord& op_;
  InlineVector<Saved, 3> saved_;
  InlineVector<Input, 3> inputs_;
  InlineVector<int64_t, 12> sizes_;
  alignas(8) char inline_attributes_[48];
  void* attributes_ = nullptr;
  std::atomic_flag busy_ = {};  // guards saved_[].tensor and released_, for a few instructions
  bool released_ = false;
};

}  // namespace hotloop
