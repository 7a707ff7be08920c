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
#include "ops/scan.h"
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
Tensor offsets_of(const Tensor& mask) {
  const int64_t chunks = (mask.numel() + kMaskChunk - 1) / kMaskChunk;
  const Tensor offsets = empty({chunks + 1}, DType::i64, mask.device());
  dispatch::count_mask(mask.device(), chosen_by(mask, offsets));
  return offsets;
}
int64_t count_of(const Tensor& offsets) { return item(select(offsets, 0, offsets.numel() - 1)).as_int(); }

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
  const Tensor mask = contiguous(x.dtype() == DType::bool_ ? x : ne(x, 0.0)), offsets = offsets_of(mask);
  return call(nonzero_op, {mask, offsets}, Count{count_of(offsets)});
}

Tensor nonzero_of(const Tensor& mask, int64_t count) {
  const Tensor whole = contiguous(mask);
  return call(nonzero_op, {whole, offsets_of(whole)}, Count{count});
}

Tensor nonzero_static(const Tensor& x, int64_t size, int64_t fill_value) {
  if (size < 0)
    fail<RuntimeError>("nonzero_static: 'size' must be an non-negative integer, got %lld",
                       static_cast<long long>(size));
  const Device device = x.device();
  const Tensor out = full({size, x.ndim()}, fill_value, DType::i64, device);
  if (out.numel() == 0 || x.numel() == 0) return out;
  if (device.type == DeviceType::cpu) {
    const Tensor found = nonzero(x);
    const int64_t n = found.size(0) < size ? found.size(0) : size;
    copy_(narrow(out, 0, 0, n), narrow(found, 0, 0, n));
    return out;
  }
  // A GPU isn't asked how many are set. The number of each goes to its place in the order of them; of those beyond the
  // last place, and of what isn't set, to one more.
  const Tensor mask = reshape(x.dtype() == DType::bool_ ? x : ne(x, 0.0), {-1}), order = cumsum(mask, 0);
  const Tensor place = where(mask, minimum(order - number(int64_t(1)), number(size)), number(size));
  const Tensor numbers = arange(int64_t(0), mask.numel(), int64_t(1), DType::i64, device);
  Tensor rest = narrow(scatter(zeros({size + 1}, DType::i64, device), 0, place, numbers), 0, 0, size);
  const Tensor is_set = lt(arange(int64_t(0), size, int64_t(1), DType::i64, device), narrow(order, 0, -1, 1));
  for (int d = x.ndim() - 1; d >= 0; --d) {
    const Tensor length = number(x.size(d));
    copy_(select(out, 1, d), where(is_set, remainder(rest, length), number(fill_value)));
    rest = floor_divide(rest, length);
  }
  return out;
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  if (mask.dtype() != DType::bool_)
    fail<RuntimeError>("masked_select: expected a mask of dtype bool, got %s", name(mask.dtype()));
  const Dims sizes = broadcast_shape("masked_select", x.sizes(), mask.sizes());
  const Tensor chosen = contiguous(expand(mask, sizes)), offsets = offsets_of(chosen);
  return call(masked_select_op, {contiguous(expand(x, sizes)), chosen, offsets}, Count{count_of(offsets)});
}

Records mask_records() { return {&nonzero_op, &masked_select_op}; }

}  // namespace hotloop::ops
