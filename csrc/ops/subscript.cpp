// From the items of a subscript to a view and index tensors; the view's record.
#include "ops/subscript.h"

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

// Any basic subscript in one step. It goes back into zeros of the input's shape.
const OpRecord subscript_op{.name = "slice",
                            .shape =
                                [](Call& c) {
                                  const auto& s = c.attrs<Subscript::Basic>();
                                  const Tensor& x = c.in(0);
                                  Dims sizes, strides;
                                  int64_t offset = 0;
                                  const auto add_new = [&] {
                                    for (; s.added >> sizes.n & 1; sizes.push(1)) strides.push(1);
                                  };
                                  for (int d = 0; d < s.sizes.n; ++d) {
                                    if (s.sizes[d] > 0) offset += s.starts[d] * x.stride(d);
                                    add_new();
                                    if (s.dropped >> d & 1) continue;
                                    sizes.push(s.sizes[d]);
                                    strides.push(x.stride(d) * s.steps[d]);
                                  }
                                  add_new();
                                  c.outputs[0] = make_view(x, sizes, strides, numel_of(sizes) ? offset : 0);
                                },
                            .gradient =
                                [](Gradient& g) {
                                  if (!g.grad(0).defined()) return;
                                  const auto& s = g.attrs<Subscript::Basic>();
                                  const Tensor back = zeros(g.in_sizes(0), g.grad(0).dtype(), g.grad(0).device());
                                  copy_(slice_all(back, s.starts, s.sizes, s.steps), reshape(g.grad(0), s.sizes));
                                  g.set(0, back);
                                },
                            .attributes_bytes = sizeof(Subscript::Basic),
                            .is_view = true};

int dims_of(const IndexItem& item) {
  switch (item.kind) {
    case IndexItem::integer:
    case IndexItem::slice: return 1;
    case IndexItem::tensor: return item.indices.dtype() == DType::bool_ ? item.indices.ndim() : 1;
    default: return 0;
  }
}

}  // namespace

Tensor basic_view(const Tensor& x, const Subscript::Basic& basic) { return call(subscript_op, {x}, basic); }

Subscript::Subscript(const Tensor& x, std::span<const IndexItem> items) : basic(x) {
  int named_dims = 0, ellipses = 0;
  for (const IndexItem& item : items) {
    named_dims += dims_of(item);
    ellipses += item.kind == IndexItem::ellipsis;
  }
  if (x.ndim() == 0)
    for (const IndexItem& item : items)
      if (item.kind == IndexItem::integer)
        fail<IndexError>("invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number");
  if (named_dims > x.ndim())
    fail<IndexError>("too many indices for tensor of dimension %d (got %d)", x.ndim(), named_dims);
  if (ellipses > 1) fail<IndexError>("an index can only have a single ellipsis ('...')");

  int d = 0;      // of x
  int shown = 0;  // of the view
  const auto add_list = [&](const Tensor& list, int named) {
    lists.emplace(to_device(list, x.device()));
    places.emplace(int8_t(shown++), int8_t(named));
  };
  const auto new_axis = [&] {
    if (shown >= kMaxDims) fail<ValueError>("a tensor has at most %d dimensions", kMaxDims);
    basic.added |= 1u << shown;
    whole = false;
  };
  for (const IndexItem& item : items) {
    switch (item.kind) {
      case IndexItem::integer: {
        const int64_t n = x.size(d);
        if (item.start < -n || item.start >= n)
          fail<IndexError>("index %lld is out of bounds for dimension %d with size %lld", ll(item.start), d, ll(n));
        basic.pick(d++, item.start < 0 ? item.start + n : item.start);
        whole = false;
        break;
      }
      case IndexItem::slice: {
        const int64_t n = x.size(d);
        if (item.step == 0) fail<ValueError>("slice step cannot be zero");
        const int64_t low = item.step > 0 ? 0 : -1, high = item.step > 0 ? n : n - 1;
        const auto clamp = [&](int64_t v) {
          if (v < 0) v += n;
          return v < low ? low : v > high ? high : v;
        };
        const int64_t start = clamp(item.start), stop = clamp(item.stop);
        const int64_t span = item.step > 0 ? stop - start : start - stop;
        // -(step + 1) cannot overflow where -step can.
        const int64_t size = span <= 0                ? 0
                             : item.step > 0          ? (span - 1) / item.step + 1
                             : item.step == INT64_MIN ? 1
                                                      : (span - 1) / -item.step + 1;
        basic.starts[d] = size ? start : 0;
        basic.steps[d] = size > 1 ? item.step : 1;
        basic.sizes[d] = size;
        whole &= size == n && basic.steps[d] == 1;
        ++d;
        ++shown;
        break;
      }
      case IndexItem::new_axis:
        new_axis();
        ++shown;
        break;
      case IndexItem::ellipsis:
        d += x.ndim() - named_dims;
        shown += x.ndim() - named_dims;
        break;
      case IndexItem::tensor: {
        const Tensor& t = item.indices;
        if (t.dtype() == DType::bool_) {
          for (int k = 0; k < t.ndim(); ++k)
            if (t.size(k) != x.size(d + k))
              fail<IndexError>(
                  "The shape of the mask %s at index %d does not match the shape of the indexed tensor %s "
                  "at index %d",
                  to_string(t.sizes()).c_str(), k, to_string(x.sizes()).c_str(), d + k);
          const Tensor coordinates = nonzero(t);
          if (t.ndim() == 0) {
            new_axis();
            add_list(zeros({coordinates.size(0)}, DType::i64, t.device()), d);
          }
          for (int k = 0; k < t.ndim(); ++k) add_list(select(coordinates, 1, k), d++);
        } else if (t.dtype() == DType::i64 || t.dtype() == DType::i32 || t.dtype() == DType::u8) {
          add_list(to_dtype(t, DType::i64), d++);
        } else {
          fail<IndexError>("tensors used as indices must be long, int, byte or bool tensors, got %s", name(t.dtype()));
        }
        break;
      }
    }
  }
}

Records subscript_records() { return {&subscript_op}; }

}  // namespace hotloop::ops
