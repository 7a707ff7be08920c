// Matrix products. One record serves all: a (..., m, k) times b (..., k, n), either one transposed in
// its last two dims, plus an input that broadcasts to the result, through an activation.
//
// Gradients are products again, with the transposes moved: for C = A B,
//     grad_A = grad B^T     grad_B = A^T grad
// They read the other factor, and `out` where the activation's slope is found from it.
#include "ops/matmul.h"

#include "core/error.h"
#include "dispatch/matmul.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

struct Product {
  double alpha = 1;  // of the product
  double beta = 1;   // of the added input
  Activation activation = Activation::none;
  bool transpose_a = false;
  bool transpose_b = false;
};

struct Matrix {
  int64_t rows, columns, row_stride, column_stride;
};

Matrix last_two(const Tensor& t, bool transposed) {
  const int r = t.ndim() - 2, c = t.ndim() - 1;
  if (transposed) return {t.size(c), t.size(r), t.stride(c), t.stride(r)};
  return {t.size(r), t.size(c), t.stride(r), t.stride(c)};
}

Dims batch_of(const Tensor& t) {
  Dims batch = t.sizes();
  batch.n -= 2;
  return batch;
}

void product_shape(Call& c) {
  const Product& p = c.attrs<Product>();
  const Tensor &a = c.in(0), &b = c.in(1);
  const Matrix ma = last_two(a, p.transpose_a), mb = last_two(b, p.transpose_b);
  if (a.dtype() != b.dtype())
    fail<RuntimeError>("%s: expected mat1 and mat2 to have the same dtype, but got: %s != %s", c.op.name,
                       name(a.dtype()), name(b.dtype()));
  if (a.dtype() == DType::bool_) fail<DTypeError>("%s: not implemented for dtype bool", c.op.name);
  if (ma.columns != mb.rows) {
    if (a.ndim() == 2 && b.ndim() == 2)
      fail<RuntimeError>("%s: mat1 and mat2 shapes cannot be multiplied (%lldx%lld and %lldx%lld)", c.op.name,
                         static_cast<long long>(ma.rows), static_cast<long long>(ma.columns),
                         static_cast<long long>(mb.rows), static_cast<long long>(mb.columns));
    fail<RuntimeError>("%s: shapes %s and %s cannot be multiplied (%lld != %lld)", c.op.name,
                       to_string(a.sizes()).c_str(), to_string(b.sizes()).c_str(), static_cast<long long>(ma.columns),
                       static_cast<long long>(mb.rows));
  }
  Dims sizes = a.ndim() == 2 && b.ndim() == 2 ? Dims{} : broadcast_shape(c.op.name, batch_of(a), batch_of(b));
  sizes.push(ma.rows);
  sizes.push(mb.columns);
  if (c.has(2)) {
    const Tensor& added = c.in(2);
    if (added.dtype() != a.dtype())
      fail<RuntimeError>("%s: expected the added input to have dtype %s like the factors, but got %s", c.op.name,
                         name(a.dtype()), name(added.dtype()));
    if (!(broadcast_shape(c.op.name, added.sizes(), sizes) == sizes))
      fail<RuntimeError>("%s: the added input of shape %s does not broadcast to the product's shape %s", c.op.name,
                         to_string(added.sizes()).c_str(), to_string(sizes).c_str());
  }
  c.output(0, sizes, a.dtype());
}

// The stride of t along batch dim `i` of `dims` (0 where t broadcasts or has no such dim).
int64_t batch_stride(const Tensor& t, int i, int dims) {
  const int d = t.ndim() - 2 - dims + i;
  return d < 0 || t.size(d) == 1 ? 0 : t.stride(d);
}

void launch_product(Call& c) {
  const Product& p = c.attrs<Product>();
  const Tensor &a = c.in(0), &b = c.in(1), &out = c.outputs[0];
  if (out.numel() == 0) return;
  const Matrix ma = last_two(a, p.transpose_a), mb = last_two(b, p.transpose_b);
  MatmulArgs args;
  args.dtype = a.dtype();
  args.activation = p.activation;
  args.m = ma.rows;
  args.n = mb.columns;
  args.k = ma.columns;
  args.alpha = p.alpha;
  args.a = a.data();
  args.a_row_stride = ma.row_stride;
  args.a_col_stride = ma.column_stride;
  args.b = b.data();
  args.b_row_stride = mb.row_stride;
  args.b_col_stride = mb.column_stride;
  args.out = out.data();
  args.out_row_stride = args.n;
  const int batch_dims = out.ndim() - 2;
  Dims added;  // strides of the added input, broadcast over the product by zeros
  if (c.has(2) && p.beta != 0) {
    const Tensor& t = c.in(2);
    added = Dims::filled(out.ndim(), 0);
    const int lead = out.ndim() - t.ndim();
    for (int i = lead; i < out.ndim(); ++i) added[i] = t.size(i - lead) == 1 ? 0 : t.stride(i - lead);
    const int64_t row = added[batch_dims], column = added[batch_dims + 1];
    if (p.beta == 1) {
      args.bias = t.data();
      args.bias_row_stride = row;
      args.bias_col_stride = column;
    } else {
      args.residual = t.data();
      args.beta = p.beta;
      args.residual_row_stride = row;
      args.residual_col_stride = column;
    }
  }
  // Batch dims: those that every operand walks with one stride are one; more than the kernel's four
  // are walked here.
  struct Walk {
    int64_t n, a, b, out, added;
  };
  Walk walks[kMaxDims];
  int count = 0;
  for (int i = 0; i < batch_dims; ++i) {
    const int64_t n = out.size(i);
    if (n == 1) continue;
    const Walk w{n, batch_stride(a, i, batch_dims), batch_stride(b, i, batch_dims), out.stride(i),
                 added.empty() ? 0 : added[i]};
    Walk* last = count ? &walks[count - 1] : nullptr;
    if (last && last->a == w.a * n && last->b == w.b * n && last->out == w.out * n && last->added == w.added * n)
      *last = {last->n * n, w.a, w.b, w.out, w.added};
    else
      walks[count++] = w;
  }
  const int outer = count > kMatmulBatchDims ? count - kMatmulBatchDims : 0;
  args.batch_dims = count - outer;
  for (int i = 0; i < args.batch_dims; ++i) {
    const Walk& w = walks[outer + i];
    args.batch[i] = w.n;
    args.a_batch_stride[i] = w.a;
    args.b_batch_stride[i] = w.b;
    args.out_batch_stride[i] = w.out;
    args.bias_batch_stride[i] = args.residual_batch_stride[i] = w.added;
  }
  int64_t repeats = 1;
  for (int i = 0; i < outer; ++i) repeats *= walks[i].n;
  const int64_t item = int64_t(itemsize(a.dtype()));
  for (int64_t r = 0; r < repeats; ++r) {
    MatmulArgs one = args;
    int64_t rest = r;
    for (int i = outer - 1; i >= 0; --i) {
      const int64_t at = rest % walks[i].n * item;
      rest /= walks[i].n;
      one.a = static_cast<const char*>(one.a) + at * walks[i].a;
      one.b = static_cast<const char*>(one.b) + at * walks[i].b;
      one.out = static_cast<char*>(one.out) + at * walks[i].out;
      if (one.bias) one.bias = static_cast<const char*>(one.bias) + at * walks[i].added;
      if (one.residual) one.residual = static_cast<const char*>(one.residual) + at * walks[i].added;
    }
    dispatch::matmul(c.device, one);
  }
}

Tensor product(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b);

// A product over one element is pointwise, which writes at the speed of memory. Of gradients that nobody differentiates:
// its own gradient would make all the terms before it sums them.
Tensor gradient_product(Gradient& g, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  if (g.records() || a.size(a.ndim() - (transpose_a ? 2 : 1)) != 1) return product(a, b, transpose_a, transpose_b);
  return (transpose_a ? matrix_transpose(a) : a) * (transpose_b ? matrix_transpose(b) : b);
}

void product_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Product& p = g.attrs<Product>();
  Tensor grad = g.grad(0);
  if (p.activation == Activation::relu) grad = relu_backward(grad, g.out(0));
  if (p.activation == Activation::tanh) grad = tanh_backward(grad, g.out(0));
  if (p.activation == Activation::sigmoid) grad = sigmoid_backward(grad, g.out(0));
  if (g.has(2) && g.needs(2)) g.set(2, p.beta == 1 ? grad : grad * p.beta);
  if (p.alpha != 1) grad = grad * p.alpha;
  if (g.needs(0)) {
    const Tensor b = g.in(1);
    g.set(0, p.transpose_a ? gradient_product(g, b, grad, p.transpose_b, true)
                           : gradient_product(g, grad, b, false, !p.transpose_b));
  }
  if (g.needs(1)) {
    const Tensor a = g.in(0);
    g.set(1, p.transpose_b ? gradient_product(g, grad, a, true, p.transpose_a)
                           : gradient_product(g, a, grad, !p.transpose_a, false));
  }
}

Cost product_cost(const Call& c) {
  const Matrix ma = last_two(c.in(0), c.attrs<Product>().transpose_a);
  const double item = double(itemsize(c.in(0).dtype()));
  Cost cost;
  cost.flops = 2.0 * double(c.outputs[0].numel()) * double(ma.columns);
  cost.bytes = item * double(c.in(0).numel() + c.in(1).numel() + c.outputs[0].numel());
  if (c.has(2)) cost.bytes += item * double(c.in(2).numel());
  return cost;
}

constexpr Saves kFactors{{0b10, 0b01}, {}};
// With an activation whose slope is a function of the output.
constexpr Saves kFactorsAndOut{{0b10, 0b01}, {1, 1, 1}};

constexpr OpRecord product_record(const char* name, Saves saves) {
  return {.name = name,
          .shape = product_shape,
          .kernel = every_device(launch_product),
          .gradient = product_gradient,
          .saves = saves,
          .cost = product_cost,
          .attributes_bytes = sizeof(Product)};
}

const OpRecord matmul_op = product_record("matmul", kFactors);
const OpRecord addmm_op = product_record("addmm", kFactors);
const OpRecord linear_op = product_record("linear", kFactors);
const OpRecord linear_activation_op = product_record("linear_activation", kFactorsAndOut);

Tensor product(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  return call(matmul_op, {a, b}, Product{.transpose_a = transpose_a, .transpose_b = transpose_b});
}

void require_dims(const char* op, const char* argument, const Tensor& t, int ndim) {
  if (t.ndim() != ndim)
    fail<RuntimeError>("%s: %s must be a %d-D tensor, got shape %s", op, argument, ndim, to_string(t.sizes()).c_str());
}

}  // namespace

Tensor mm(const Tensor& a, const Tensor& b) {
  require_dims("mm", "self", a, 2);
  require_dims("mm", "mat2", b, 2);
  return product(a, b, false, false);
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  require_dims("bmm", "batch1", a, 3);
  require_dims("bmm", "batch2", b, 3);
  if (a.size(0) != b.size(0) || a.size(2) != b.size(1))
    fail<RuntimeError>(
        "bmm: Expected size for first two dimensions of batch2 tensor to be: [%lld, %lld] but got: "
        "[%lld, %lld].",
        static_cast<long long>(a.size(0)), static_cast<long long>(a.size(2)), static_cast<long long>(b.size(0)),
        static_cast<long long>(b.size(1)));
  return product(a, b, false, false);
}

Tensor mv(const Tensor& a, const Tensor& v) {
  require_dims("mv", "self", a, 2);
  require_dims("mv", "vec", v, 1);
  return matmul(a, v);
}

Tensor dot(const Tensor& a, const Tensor& b) {
  require_dims("dot", "self", a, 1);
  require_dims("dot", "tensor", b, 1);
  if (a.size(0) != b.size(0))
    fail<RuntimeError>(
        "dot: inconsistent tensor size, expected tensor [%lld] and src [%lld] to have the same number of "
        "elements",
        static_cast<long long>(a.size(0)), static_cast<long long>(b.size(0)));
  return matmul(a, b);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  require_dims("outer", "self", a, 1);
  require_dims("outer", "vec2", b, 1);
  return mul(unsqueeze(a, 1), b);
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (a.ndim() == 2 && b.ndim() == 2) return product(a, b, false, false);
  if (a.ndim() == 0 || b.ndim() == 0)
    fail<RuntimeError>("matmul: both arguments need to be at least 1D, but they are %dD and %dD", a.ndim(), b.ndim());
  if (a.ndim() == 1 || b.ndim() == 1) {
    // A vector is a matrix of one row (left) or one column (right), whose dim is dropped again.
    Tensor result = matmul(a.ndim() == 1 ? unsqueeze(a, 0) : a, b.ndim() == 1 ? unsqueeze(b, 1) : b);
    if (b.ndim() == 1) result = squeeze(result, {-1});
    if (a.ndim() == 1) result = squeeze(result, {b.ndim() == 1 ? -1 : -2});
    return result;
  }
  if (b.ndim() == 2 && a.ndim() > 2) {
    // All rows of all batches are rows of one product.
    Dims sizes = a.sizes();
    const Tensor rows = product(flatten(a, 0, -2), b, false, false);
    sizes[sizes.n - 1] = b.size(1);
    return reshape(rows, sizes);
  }
  return product(a, b, false, false);
}

Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha) {
  require_dims("addmm", "mat1", a, 2);
  require_dims("addmm", "mat2", b, 2);
  return call(addmm_op, {a, b, input}, Product{.alpha = alpha, .beta = beta});
}

Tensor baddbmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha) {
  require_dims("baddbmm", "batch1", a, 3);
  require_dims("baddbmm", "batch2", b, 3);
  return call(addmm_op, {a, b, input}, Product{.alpha = alpha, .beta = beta});
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  if (x.ndim() == 0 || weight.ndim() == 0 || weight.ndim() > 2)
    fail<RuntimeError>("linear: input must have at least 1 dim and weight 1 or 2, got shapes %s and %s",
                       to_string(x.sizes()).c_str(), to_string(weight.sizes()).c_str());
  if (weight.ndim() == 1) {
    Tensor result = squeeze(linear(x, unsqueeze(weight, 0), Tensor(), Activation::none), {-1});
    if (bias.defined()) result = add(result, bias);
    return result;
  }
  if (x.ndim() == 1) return squeeze(linear(unsqueeze(x, 0), weight, bias, activation), {0});
  if (x.ndim() > 2) {
    Dims sizes = x.sizes();
    sizes[sizes.n - 1] = weight.size(0);
    return reshape(linear(flatten(x, 0, -2), weight, bias, activation), sizes);
  }
  const bool slope_from_output = activation == Activation::none || activation == Activation::relu ||
                                 activation == Activation::tanh || activation == Activation::sigmoid;
  if (!slope_from_output && thread_state.active_listeners & kTape) {
    // While gradients are recorded, the unfused twin: the slope needs what came before the activation.
    const Tensor before = linear(x, weight, bias, Activation::none);
    if (activation == Activation::silu) return silu(before);
    return activation == Activation::gelu ? gelu(before) : gelu_tanh(before);
  }
  const Product p{.activation = activation, .transpose_b = true};
  return call(activation == Activation::none ? linear_op : linear_activation_op, {x, weight, bias}, p);
}

Records matmul_records() { return {&matmul_op, &addmm_op, &linear_op, &linear_activation_op}; }

}  // namespace hotloop::ops
