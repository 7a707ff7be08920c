// Views: new sizes and strides over the same memory. Each record has its gradient beside it; those that
// only rearrange dims go back by the opposite rearrangement, those that leave elements out go back into
// zeros of the input's shape.
#include "core/error.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/shape.h"
#include "ops/subscript.h"

namespace hotloop::ops {

namespace {

using std::string;

// Strides under which x shows `sizes` without a copy; false where none exist. Dims of x that are
// contiguous with each other form runs; each new dim must lie inside one run.
bool view_strides(const Tensor& x, const Dims& sizes, Dims& strides) {
  strides.n = sizes.n;
  if (x.numel() == 0 || x.is_contiguous()) {
    strides = contiguous_strides(sizes);
    return true;
  }
  int at = sizes.n - 1;
  int64_t run = 1, filled = 1;
  int64_t step = x.ndim() ? x.stride(x.ndim() - 1) : 1;
  for (int d = x.ndim() - 1; d >= 0; --d) {
    run *= x.size(d);
    const bool last_of_run = d == 0 || (x.size(d - 1) != 1 && x.stride(d - 1) != run * step);
    if (!last_of_run) continue;
    while (at >= 0 && (filled < run || sizes[at] == 1)) {
      strides[at] = filled * step;
      filled *= sizes[at--];
    }
    if (filled != run) return false;
    if (d > 0) {
      step = x.stride(d - 1);
      run = filled = 1;
    }
  }
  return at == -1;
}

Dims infer_size(const char* op, const Tensor& x, Dims sizes) {
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < sizes.n; ++i) {
    if (sizes[i] == -1) {
      if (unknown >= 0)
        fail<RuntimeError>("%s: only one dimension can be inferred, got shape %s", op, to_string(sizes).c_str());
      unknown = i;
    } else if (sizes[i] < 0) {
      fail<RuntimeError>("%s: invalid shape dimension %lld", op, static_cast<long long>(sizes[i]));
    } else {
      known *= sizes[i];
    }
  }
  if (unknown >= 0) {
    if (known == 0)
      fail<RuntimeError>(
          "%s: cannot reshape tensor of 0 elements into shape %s because the unspecified dimension size "
          "-1 can be any value and is ambiguous",
          op, to_string(sizes).c_str());
    sizes[unknown] = x.numel() / known;
    known *= sizes[unknown];
  }
  if (known != x.numel())
    fail<RuntimeError>("%s: shape '%s' is invalid for input of size %lld", op, to_string(sizes).c_str(),
                       static_cast<long long>(x.numel()));
  return sizes;
}

struct Layout {
  Dims sizes, strides;
};

void layout_shape(Call& c) {
  const Layout& to = c.attrs<Layout>();
  c.outputs[0] = make_view(c.in(0), to.sizes, to.strides);
}

// view, squeeze, unsqueeze, flatten: the same elements in the same order.
const OpRecord view_op{.name = "view",
                       .shape = layout_shape,
                       .gradient =
                           [](Gradient& g) {
                             if (g.grad(0).defined()) g.set(0, reshape(g.grad(0), g.in_sizes(0)));
                           },
                       .attributes_bytes = sizeof(Layout),
                       .is_view = true};

const OpRecord permute_op{.name = "permute",
                          .shape =
                              [](Call& c) {
                                const Dims& dims = c.attrs<Dims>();
                                Dims sizes, strides;
                                sizes.n = strides.n = dims.n;
                                for (int i = 0; i < dims.n; ++i) {
                                  sizes[i] = c.in(0).size(int(dims[i]));
                                  strides[i] = c.in(0).stride(int(dims[i]));
                                }
                                c.outputs[0] = make_view(c.in(0), sizes, strides);
                              },
                          .gradient =
                              [](Gradient& g) {
                                const Dims& dims = g.attrs<Dims>();
                                Dims back;
                                back.n = dims.n;
                                for (int i = 0; i < dims.n; ++i) back[int(dims[i])] = i;
                                if (g.grad(0).defined()) g.set(0, permute(g.grad(0), back));
                              },
                          .attributes_bytes = sizeof(Dims),
                          .is_view = true};

// The gradient's sum over expanded dims is Gradient::set's.
const OpRecord expand_op{.name = "expand",
                         .shape = layout_shape,
                         .gradient = [](Gradient& g) { g.set(0, g.grad(0)); },
                         .attributes_bytes = sizeof(Layout),
                         .is_view = true};

struct Slices {
  Dims starts, sizes, steps;
};

const OpRecord slice_op{.name = "slice",
                        .shape =
                            [](Call& c) {
                              const Slices& s = c.attrs<Slices>();
                              Dims strides = c.in(0).strides();
                              int64_t offset = 0;
                              for (int i = 0; i < s.sizes.n; ++i) {
                                if (s.sizes[i] > 0) offset += s.starts[i] * strides[i];
                                strides[i] *= s.steps[i];
                              }
                              c.outputs[0] = make_view(c.in(0), s.sizes, strides, offset);
                            },
                        .gradient =
                            [](Gradient& g) {
                              if (!g.grad(0).defined()) return;
                              const Slices& s = g.attrs<Slices>();
                              const Tensor back = zeros(g.in_sizes(0), g.grad(0).dtype(), g.grad(0).device());
                              copy_(slice_all(back, s.starts, s.sizes, s.steps), g.grad(0));
                              g.set(0, back);
                            },
                        .attributes_bytes = sizeof(Slices),
                        .is_view = true};

// The view's place in memory, and the numbering of the input's elements by which its gradient goes back.
struct Strided {
  Dims sizes, strides;
  int64_t offset;
  Dims numbered_strides, input_strides;
  int64_t numbered_offset;
};

// Does each element have a place of its own? Sufficient: every stride steps over all smaller ones.
bool separate(const Dims& sizes, const Dims& strides) {
  int64_t reach = 0;
  for (int64_t above = -1;;) {
    int next = -1;
    for (int i = 0; i < sizes.n; ++i) {
      const int64_t s = strides[i] < 0 ? -strides[i] : strides[i];
      if (sizes[i] <= 1 || s <= above) continue;
      if (next < 0 || s < (strides[next] < 0 ? -strides[next] : strides[next])) next = i;
    }
    if (next < 0) break;
    above = strides[next] < 0 ? -strides[next] : strides[next];
    int64_t same = 0;
    for (int i = 0; i < sizes.n; ++i) same += sizes[i] > 1 && (strides[i] == above || strides[i] == -above);
    if (above <= reach || same > 1) return false;
    reach += (sizes[next] - 1) * above;
  }
  return true;
}

// The gradient is copied to where its elements lie in the input; in views whose elements overlap (unfold, as_strided), those
// of the input are numbered, and each gradient element is added to its number.
Tensor add_back(const Tensor& grad, const Dims& base_sizes, const Dims& base_strides, const Dims& strides,
                int64_t offset) {
  int64_t low = 0, high = 0;  // the span of the input's elements
  for (int i = 0; i < base_sizes.n; ++i) (base_strides[i] < 0 ? low : high) += (base_sizes[i] - 1) * base_strides[i];
  if (numel_of(grad.sizes()) > 0) {
    // What was shown may lie beyond the input, in the rest of its memory.
    int64_t first = offset, last = offset;
    for (int i = 0; i < grad.ndim(); ++i) (strides[i] < 0 ? first : last) += (grad.size(i) - 1) * strides[i];
    low = first < low ? first : low;
    high = last > high ? last : high;
  }
  const int64_t span = base_sizes.n && numel_of(base_sizes) == 0 ? 0 : high - low + 1;
  const auto numbered = [&](const Dims& sizes, const Dims& steps, int64_t first) {
    return reshape(as_strided(arange(int64_t(0), span, int64_t(1), DType::i64, grad.device()), sizes, steps, first),
                   {-1});
  };
  Tensor flat = zeros({span}, grad.dtype(), grad.device());
  if (separate(grad.sizes(), strides))
    copy_(as_strided(flat, grad.sizes(), strides, offset - low), grad);
  else
    flat = index_add(flat, 0, numbered(grad.sizes(), strides, offset - low), reshape(grad, {-1}));
  if (!separate(base_sizes, base_strides)) {
    // Elements of the input that share a place share its gradient.
    const Tensor all = numbered(base_sizes, base_strides, -low);
    flat = flat / index_add(zeros({span}, grad.dtype(), grad.device()), 0, all,
                            full(all.sizes(), 1.0, grad.dtype(), grad.device()));
  }
  return as_strided(flat, base_sizes, base_strides, -low);
}

const OpRecord as_strided_op{
    .name = "as_strided",
    .shape =
        [](Call& c) {
          const Strided& s = c.attrs<Strided>();
          c.outputs[0] = make_view(c.in(0), s.sizes, s.strides, s.offset);
        },
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Strided& s = g.attrs<Strided>();
          g.set(0, add_back(g.grad(0), g.in_sizes(0), s.input_strides, s.numbered_strides, s.numbered_offset));
        },
    .attributes_bytes = sizeof(Strided),
    .is_view = true};

Tensor relayout(const Tensor& x, const Dims& sizes, const Dims& strides) {
  return call(view_op, {x}, Layout{sizes, strides});
}

}  // namespace

Tensor view(const Tensor& x, const Dims& sizes) {
  Layout to;
  to.sizes = infer_size("view", x, sizes);
  if (!view_strides(x, to.sizes, to.strides))
    fail<RuntimeError>(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans "
        "across two contiguous subspaces). Use .reshape(...) instead. (view: input shape %s, strides %s, "
        "wanted %s)",
        to_string(x.sizes()).c_str(), to_string(x.strides()).c_str(), to_string(to.sizes).c_str());
  return call(view_op, {x}, to);
}

Tensor reshape(const Tensor& x, const Dims& sizes) {
  Layout to;
  to.sizes = infer_size("reshape", x, sizes);
  if (view_strides(x, to.sizes, to.strides)) return call(view_op, {x}, to);
  return view(contiguous(x), to.sizes);
}

Tensor permute(const Tensor& x, const Dims& dims) {
  if (dims.n != x.ndim())
    fail<RuntimeError>(
        "permute: number of dimensions in the tensor input does not match the length of the desired "
        "ordering of dimensions i.e. input.dim() = %d is not equal to len(dims) = %d",
        x.ndim(), dims.n);
  Dims order;
  order.n = dims.n;
  bool seen[kMaxDims] = {};
  for (int i = 0; i < dims.n; ++i) {
    const int d = wrap_dim("permute", dims[i], x.ndim());
    if (seen[d]) fail<RuntimeError>("permute: duplicate dims are not allowed, got %s", to_string(dims).c_str());
    seen[d] = true;
    order[i] = d;
  }
  return call(permute_op, {x}, order);
}

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  const int a = wrap_dim("transpose", dim0, x.ndim()), b = wrap_dim("transpose", dim1, x.ndim());
  if (x.ndim() == 0) return view_as_base(x);
  Dims order;
  for (int i = 0; i < x.ndim(); ++i) order.push(i);
  std::swap(order[a], order[b]);
  return call(permute_op, {x}, order);
}

Tensor t(const Tensor& x) {
  if (x.ndim() > 2) fail<RuntimeError>("t() expects a tensor with <= 2 dimensions, but self is %dD", x.ndim());
  return x.ndim() < 2 ? view_as_base(x) : transpose(x, 0, 1);
}

Tensor matrix_transpose(const Tensor& x) {
  if (x.ndim() < 2)
    fail<RuntimeError>("tensor.mT is only supported on matrices or batches of matrices. Got %d-D tensor.", x.ndim());
  return transpose(x, -2, -1);
}

Tensor expand(const Tensor& x, const Dims& sizes) {
  if (sizes.n < x.ndim())
    fail<RuntimeError>(
        "expand(%s): the number of sizes provided (%d) must be greater or equal to the number of "
        "dimensions in the tensor (%d)",
        to_string(sizes).c_str(), sizes.n, x.ndim());
  Layout to{sizes, Dims::filled(sizes.n, 0)};
  const int lead = sizes.n - x.ndim();
  for (int i = 0; i < sizes.n; ++i) {
    if (i < lead) {
      if (sizes[i] < 0)
        fail<RuntimeError>(
            "expand: the expanded size of the tensor (%lld) isn't allowed in a leading, non-existing "
            "dimension %d",
            static_cast<long long>(sizes[i]), i);
      continue;
    }
    const int64_t own = x.size(i - lead);
    if (sizes[i] == -1) to.sizes[i] = own;
    if (to.sizes[i] == own) {
      to.strides[i] = x.stride(i - lead);
    } else if (own != 1) {
      fail<RuntimeError>(
          "expand: The expanded size of the tensor (%lld) must match the existing size (%lld) at non-singleton "
          "dimension %d.  Target sizes: %s.  Tensor sizes: %s",
          static_cast<long long>(sizes[i]), static_cast<long long>(own), i, to_string(sizes).c_str(),
          to_string(x.sizes()).c_str());
    }
  }
  return call(expand_op, {x}, to);
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  const int at = wrap_dim("unsqueeze", dim, x.ndim() + 1);
  Dims sizes = x.sizes(), strides = x.strides();
  sizes.insert(at, 1);
  strides.insert(at, at < x.ndim() ? x.size(at) * x.stride(at) : 1);
  return relayout(x, sizes, strides);
}

Tensor squeeze(const Tensor& x) {
  Dims all;
  for (int i = 0; i < x.ndim(); ++i) all.push(i);
  return squeeze(x, all);
}

Tensor squeeze(const Tensor& x, const Dims& dims) {
  bool drop[kMaxDims] = {};
  for (int64_t d : dims) {
    const int at = wrap_dim("squeeze", d, x.ndim());
    if (drop[at]) fail<RuntimeError>("squeeze: dim %d appears multiple times in the list of dims", at);
    drop[at] = true;
  }
  Dims sizes, strides;
  for (int i = 0; i < x.ndim(); ++i) {
    if (drop[i] && x.size(i) == 1) continue;
    sizes.push(x.size(i));
    strides.push(x.stride(i));
  }
  return relayout(x, sizes, strides);
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  const int start = wrap_dim("flatten", start_dim, x.ndim()), end = wrap_dim("flatten", end_dim, x.ndim());
  if (start > end) fail<RuntimeError>("flatten() has invalid args: start_dim cannot come after end_dim");
  if (x.ndim() == 0) return reshape(x, {1});
  if (start == end) return x;
  Dims sizes;
  int64_t merged = 1;
  for (int i = 0; i < x.ndim(); ++i) {
    if (i < start || i > end) {
      sizes.push(x.size(i));
    } else {
      merged *= x.size(i);
      if (i == end) sizes.push(merged);
    }
  }
  return reshape(x, sizes);
}

Tensor unflatten(const Tensor& x, int64_t dim, const Dims& sizes) {
  const int at = wrap_dim("unflatten", dim, x.ndim());
  if (sizes.empty()) fail<RuntimeError>("unflatten: sizes must be non-empty");
  int64_t known = 1;
  int unknown = -1;
  for (int i = 0; i < sizes.n; ++i) {
    if (sizes[i] == -1 && unknown >= 0) fail<RuntimeError>("unflatten: only one dimension can be inferred");
    sizes[i] == -1 ? (unknown = i, known) : (known *= sizes[i]);
  }
  Dims part = sizes;
  if (unknown >= 0 && known > 0) part[unknown] = x.size(at) / known, known *= part[unknown];
  if (known != x.size(at))
    fail<RuntimeError>(
        "unflatten: Provided sizes %s don't multiply up to the size of dim %d (%lld) in the input tensor",
        to_string(sizes).c_str(), at, static_cast<long long>(x.size(at)));
  Dims to;
  for (int i = 0; i < x.ndim(); ++i) {
    if (i != at)
      to.push(x.size(i));
    else
      for (int64_t s : part) to.push(s);
  }
  return view(x, to);
}

Tensor slice_all(const Tensor& x, const Dims& starts, const Dims& sizes, const Dims& steps) {
  return call(slice_op, {x}, Slices{starts, sizes, steps});
}

Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  if (x.ndim() == 0) fail<RuntimeError>("slice() cannot be applied to a 0-dim tensor.");
  const int d = wrap_dim("slice", dim, x.ndim());
  if (step == 0) fail<ValueError>("slice step cannot be zero");
  Slices s{Dims::filled(x.ndim(), 0), x.sizes(), Dims::filled(x.ndim(), 1)};
  const int64_t n = x.size(d);
  const auto clamp = [](int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; };
  if (start < 0) start += n;
  if (stop < 0) stop += n;
  start = step > 0 ? clamp(start, 0, n) : clamp(start, -1, n - 1);
  stop = step > 0 ? clamp(stop, 0, n) : clamp(stop, -1, n - 1);
  const int64_t length = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
  s.starts[d] = start;
  s.sizes[d] = length > 0 ? length : 0;
  s.steps[d] = step;
  return call(slice_op, {x}, s);
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  if (x.ndim() == 0) fail<RuntimeError>("narrow() cannot be applied to a 0-dim tensor.");
  const int d = wrap_dim("narrow", dim, x.ndim());
  const int64_t n = x.size(d);
  if (length < 0) fail<RuntimeError>("narrow(): length must be non-negative.");
  if (start < -n || start > n)
    fail<IndexError>("narrow: start out of range (expected to be in range of [%lld, %lld], but got %lld)",
                     static_cast<long long>(-n), static_cast<long long>(n), static_cast<long long>(start));
  if (start < 0) start += n;
  if (start + length > n)
    fail<RuntimeError>("narrow: start (%lld) + length (%lld) exceeds dimension size (%lld).",
                       static_cast<long long>(start), static_cast<long long>(length), static_cast<long long>(n));
  return slice(x, d, start, start + length, 1);
}

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  if (x.ndim() == 0) fail<IndexError>("select() cannot be applied to a 0-dim tensor.");
  const int d = wrap_dim("select", dim, x.ndim());
  const int64_t n = x.size(d);
  if (index < -n || index >= n)
    fail<IndexError>("select(): index %lld out of range for tensor of size %s at dimension %d",
                     static_cast<long long>(index), to_string(x.sizes()).c_str(), d);
  if (index < 0) index += n;
  Subscript::Basic basic(x);
  basic.pick(d, index);
  return basic_view(x, basic);
}

Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step) {
  const int d = wrap_dim("unfold", dim, x.ndim());
  const int64_t n = x.ndim() ? x.size(d) : 1;
  if (size < 0) fail<RuntimeError>("unfold: size is %lld but must be >= 0", static_cast<long long>(size));
  if (size > n)
    fail<RuntimeError>("unfold: maximum size for tensor at dimension %d is %lld but size is %lld", d,
                       static_cast<long long>(n), static_cast<long long>(size));
  if (step <= 0) fail<RuntimeError>("unfold: step is %lld but must be > 0", static_cast<long long>(step));
  Dims sizes = x.sizes();
  if (x.ndim()) sizes[d] = (n - size) / step + 1;
  sizes.push(size);
  const auto windows = [&](Dims strides) {
    const int64_t stride = x.ndim() ? strides[d] : 1;
    if (x.ndim()) strides[d] = stride * step;
    strides.push(stride);
    return strides;
  };
  const Dims numbered = contiguous_strides(x.sizes());
  return call(as_strided_op, {x}, Strided{sizes, windows(x.strides()), 0, windows(numbered), numbered, 0});
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim0, int64_t dim1) {
  const int a = wrap_dim("diagonal", dim0, x.ndim()), b = wrap_dim("diagonal", dim1, x.ndim());
  if (a == b) fail<RuntimeError>("diagonal dimensions cannot be identical %d, %d", a, b);
  const int64_t rows = x.size(a) - (offset < 0 ? -offset : 0), columns = x.size(b) - (offset > 0 ? offset : 0);
  const int64_t length = rows < 0 || columns < 0 ? 0 : rows < columns ? rows : columns;
  Dims sizes;
  for (int i = 0; i < x.ndim(); ++i)
    if (i != a && i != b) sizes.push(x.size(i));
  sizes.push(length);
  const auto along = [&](const Dims& of) {
    Dims strides;
    for (int i = 0; i < x.ndim(); ++i)
      if (i != a && i != b) strides.push(of[i]);
    strides.push(of[a] + of[b]);
    return strides;
  };
  const auto start = [&](const Dims& of) { return length == 0 ? 0 : offset >= 0 ? offset * of[b] : -offset * of[a]; };
  const Dims numbered = contiguous_strides(x.sizes());
  return call(as_strided_op, {x},
              Strided{sizes, along(x.strides()), start(x.strides()), along(numbered), numbered, start(numbered)});
}

Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination) {
  if (source.n != destination.n)
    fail<RuntimeError>(
        "movedim: Invalid source or destination dims: source (%s dims) should contain the same number of "
        "dims as destination (%s dims)",
        to_string(source).c_str(), to_string(destination).c_str());
  if (x.ndim() == 0) {
    for (int i = 0; i < source.n; ++i) wrap_dim("movedim", source[i], 0), wrap_dim("movedim", destination[i], 0);
    return permute(x, {});
  }
  Dims order = Dims::filled(x.ndim(), -1);
  bool moved[kMaxDims] = {};
  for (int i = 0; i < source.n; ++i) {
    const int from = wrap_dim("movedim", source[i], x.ndim()), to = wrap_dim("movedim", destination[i], x.ndim());
    if (moved[from] || order[to] >= 0) fail<RuntimeError>("movedim: repeated dim in source or destination");
    moved[from] = true;
    order[to] = from;
  }
  for (int to = 0, from = 0; to < x.ndim(); ++to) {
    if (order[to] >= 0) continue;
    while (moved[from]) ++from;
    order[to] = from++;
  }
  return permute(x, order);
}

Tensor as_strided(const Tensor& x, const Dims& sizes, const Dims& strides, int64_t offset) {
  if (sizes.n != strides.n)
    fail<RuntimeError>("as_strided: mismatch in length of strides and shape (%d and %d)", strides.n, sizes.n);
  // Whatever is asked for must not wrap round into bounds.
  __int128 low = offset, high = offset;
  for (int i = 0; i < sizes.n; ++i) {
    if (sizes[i] < 0) fail<RuntimeError>("as_strided: negative size in %s", to_string(sizes).c_str());
    (strides[i] < 0 ? low : high) += __int128(sizes[i] - 1) * strides[i];
  }
  const __int128 item = int64_t(itemsize(x.dtype()));
  const __int128 start = x.data<char>() - static_cast<const char*>(x->storage->data());
  if (numel_of(sizes) > 0 && (start + low * item < 0 || start + (high + 1) * item > __int128(x->storage->bytes())))
    fail<RuntimeError>(
        "as_strided: sizes %s, strides %s and offset %lld reach outside the tensor's storage of %zu bytes",
        to_string(sizes).c_str(), to_string(strides).c_str(), static_cast<long long>(offset), x->storage->bytes());
  return call(as_strided_op, {x}, Strided{sizes, strides, offset, strides, x.strides(), offset});
}

Tensor view_as_base(const Tensor& x) { return relayout(x, x.sizes(), x.strides()); }

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& lengths, int64_t dim) {
  const int d = wrap_dim("split", dim, x.ndim());
  int64_t total = 0;
  for (int64_t length : lengths) {
    if (length < 0) fail<RuntimeError>("split_with_sizes expects split_sizes have only non-negative entries");
    if (__builtin_add_overflow(total, length, &total))
      fail<RuntimeError>("split_with_sizes: split_sizes sum to more than 63 bits can count");
  }
  if (x.ndim() == 0) fail<RuntimeError>("split expects at least a 1-dimensional tensor");
  if (total != x.size(d))
    fail<RuntimeError>(
        "split_with_sizes expects split_sizes to sum exactly to %lld (input tensor's size at dimension "
        "%d), but got split_sizes summing to %lld",
        static_cast<long long>(x.size(d)), d, static_cast<long long>(total));
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t length : lengths) {
    parts.push_back(slice(x, d, start, start + length, 1));
    parts.back()->one_of_several = true;
    start += length;
  }
  return parts;
}

std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  if (x.ndim() == 0) fail<RuntimeError>("chunk expects at least a 1-dimensional tensor");
  if (chunks <= 0)
    fail<RuntimeError>("chunk expects `chunks` to be greater than 0, got: %lld", static_cast<long long>(chunks));
  const int d = wrap_dim("chunk", dim, x.ndim());
  const int64_t n = x.size(d), length = n / chunks + (n % chunks != 0);
  std::vector<int64_t> lengths;
  if (n == 0) lengths.assign(size_t(chunks), 0);
  for (int64_t start = 0; start < n; start += length) lengths.push_back(length < n - start ? length : n - start);
  return split(x, lengths, d);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t dim) {
  if (x.ndim() == 0)
    fail<IndexError>("Dimension specified as %lld but tensor has no dimensions", static_cast<long long>(dim));
  const int d = wrap_dim("unbind", dim, x.ndim());
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < x.size(d); ++i) {
    parts.push_back(select(x, d, i));
    parts.back()->one_of_several = true;
  }
  return parts;
}

Records view_records() { return {&view_op, &permute_op, &expand_op, &slice_op, &as_strided_op}; }

}  // namespace hotloop::ops
