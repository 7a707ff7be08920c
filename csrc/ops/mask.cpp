// What a mask of bools chooses: the elements themselves, or their coordinates. How many there are is read from the mask,
// so it is counted, chunk by chunk, before the op is called.
#include "core/error.h"
#include "dispatch/index.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

MaskArgs chosen_by(const Tensor& mask, const Tensor& offsets) {
  MaskArgs args{};
  args.mask = mask.data<bool>();
  args.n = mask.numel();
  args.offsets = offsets.data<int64_t>();
  return args;
}

// Set elements before each chunk of a contiguous mask, and of all of them.
struct Counted {
  Tensor offsets;
  int64_t count;
};

Counted counted(const Tensor& mask) {
  const int64_t chunks = (mask.numel() + kMaskChunk - 1) / kMaskChunk;
  const Tensor offsets = empty({chunks + 1}, DType::i64, mask.device());
  dispatch::count_mask(mask.device(), chosen_by(mask, offsets));
  return {offsets, item(select(offsets, 0, chunks)).as_int()};
}

struct Count {
  int64_t n;
};

// (mask, offsets) -> (count, ndim of mask)
const OpRecord nonzero_op{.name = "nonzero",
                          .shape = [](Call& c) { c.output(0, {c.attrs<Count>().n, c.in(0).ndim()}, DType::i64); },
                          .kernel = every_device([](Call& c) {
                            MaskArgs args = chosen_by(c.in(0), c.in(1));
                            args.ndim = c.in(0).ndim();
                            args.sizes = c.in(0).sizes().data;
                            args.indices = c.outputs[0].data<int64_t>();
                            if (c.outputs[0].numel() > 0) dispatch::mask_nonzero(c.device, args);
                          }),
                          .attributes_bytes = sizeof(Count)};

// (x, mask, offsets), x and mask of one shape and contiguous -> (count)
const OpRecord masked_select_op{
    .name = "masked_select",
    .shape = [](Call& c) { c.output(0, {c.attrs<Count>().n}, c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      MaskArgs args = chosen_by(c.in(1), c.in(2));
      args.dtype = c.in(0).dtype();
      args.x = c.in(0).data();
      args.out = c.outputs[0].data();
      if (c.outputs[0].numel() > 0) dispatch::mask_select(c.device, args);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Dims sizes = g.in_sizes(0);
          const Tensor places = reshape(nonzero(reshape(g.in(1), {-1})), {-1});
          g.set(0, reshape(scatter_into_zeros({numel_of(sizes)}, 0, places, g.grad(0)), sizes));
        },
    .saves = Saves::of(0b010),
    .attributes_bytes = sizeof(Count)};

}  // namespace

Tensor nonzero(const Tensor& x) {
  const Tensor mask = contiguous(x.dtype() == DType::bool_ ? x : ne(x, 0.0));
  const Counted set = counted(mask);
  return call(nonzero_op, {mask, set.offsets}, Count{set.count});
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  if (mask.dtype() != DType::bool_)
    fail<RuntimeError>("masked_select: expected a mask of dtype bool, got %s", name(mask.dtype()));
  const Dims sizes = broadcast_shape("masked_select", x.sizes(), mask.sizes());
  const Tensor chosen = contiguous(expand(mask, sizes));
  const Counted set = counted(chosen);
  return call(masked_select_op, {contiguous(expand(x, sizes)), chosen, set.offsets}, Count{set.count});
}

Records mask_records() { return {&nonzero_op, &masked_select_op}; }

}  // namespace hotloop::ops
