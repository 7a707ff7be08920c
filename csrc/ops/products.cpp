// Products made of the matrix product and of pointwise ones.
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

// beta * input + alpha * product; an input whose factor is 0 is not read.
Tensor combine(const Tensor& input, const Tensor& product, double beta, double alpha) {
  if (!is_floating(product.dtype())) {  // whole factors
    const Tensor scaled = product * number(int64_t(alpha));
    return int64_t(beta) == 0 ? scaled : input * number(int64_t(beta)) + scaled;
  }
  const Tensor scaled = alpha == 1 ? product : product * alpha;
  if (beta == 0) return scaled;
  return beta == 1 ? input + scaled : input * beta + scaled;
}

void require_matrix(const char* op, const char* argument, const Tensor& t, int ndim) {
  if (t.ndim() != ndim)
    fail<RuntimeError>("%s: %s must be a %d-D tensor, got shape %s", op, argument, ndim, to_string(t.sizes()).c_str());
}

}  // namespace

Tensor inner(const Tensor& a, const Tensor& b) {
  if (a.ndim() == 0 || b.ndim() == 0) return a * b;
  if (a.size(a.ndim() - 1) != b.size(b.ndim() - 1))
    fail<RuntimeError>("inner() the last dimension must match on both input tensors but got shapes %s and %s",
                       to_string(a.sizes()).c_str(), to_string(b.sizes()).c_str());
  return tensordot(a, b, {-1}, {-1});
}

Tensor addmv(const Tensor& input, const Tensor& matrix, const Tensor& vector, double beta, double alpha) {
  require_matrix("addmv", "mat", matrix, 2);
  require_matrix("addmv", "vec", vector, 1);
  return combine(input, mv(matrix, vector), beta, alpha);
}

Tensor addr(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha) {
  require_matrix("addr", "vec1", a, 1);
  require_matrix("addr", "vec2", b, 1);
  if (input.dtype() == DType::bool_ && a.dtype() == DType::bool_ && b.dtype() == DType::bool_) {
    // Of truths, "or" is the sum and "and" the product.
    const Tensor pairs = bitwise_and(bitwise_and(unsqueeze(a, 1), unsqueeze(b, 0)), number(alpha != 0));
    return bitwise_or(bitwise_and(input, number(beta != 0)), pairs);
  }
  const DType dtype = promote(input.dtype(), promote(a.dtype(), b.dtype()));
  return combine(to_dtype(input, dtype), outer(to_dtype(a, dtype), to_dtype(b, dtype)), beta, alpha);
}

// A sum over the batch is a product whose inner dim is the batch's and the matrices' together.
Tensor addbmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha) {
  require_matrix("addbmm", "batch1", a, 3);
  require_matrix("addbmm", "batch2", b, 3);
  if (a.size(0) != b.size(0) || a.size(2) != b.size(1))
    fail<RuntimeError>(
        "addbmm: batch1 and batch2 must have same number of batches and matching inner dims, got shapes "
        "%s and %s",
        to_string(a.sizes()).c_str(), to_string(b.sizes()).c_str());
  const Tensor rows = reshape(permute(a, {1, 0, 2}), {a.size(1), a.size(0) * a.size(2)});
  return addmm(input, rows, reshape(b, {b.size(0) * b.size(1), b.size(2)}), beta, alpha);
}

constexpr int64_t kShortRow = 64;  // elements; a row of a broadcast product costs some 10 ns

Tensor kron(const Tensor& a, const Tensor& b) {
  const int n = a.ndim() > b.ndim() ? a.ndim() : b.ndim();
  // Each dim as (a's, b's), the other's half of size 1.
  Dims of_a, of_b, sizes;
  for (int d = 0; d < n; ++d) {
    const int own_a = d - (n - a.ndim()), own_b = d - (n - b.ndim());
    const int64_t size_a = own_a < 0 ? 1 : a.size(own_a), size_b = own_b < 0 ? 1 : b.size(own_b);
    of_a.push(size_a);
    of_a.push(1);
    of_b.push(1);
    of_b.push(size_b);
    sizes.push(size_a * size_b);
  }
  Tensor x = reshape(a, of_a), y = reshape(b, of_b);
  const int last = 2 * n - 2;  // of_a[last] repeats each of of_b[last + 1]
  if (n > 1 && of_b[last + 1] > 1 && of_b[last + 1] < kShortRow) {
    // Short rows of both are written out, once for all the rows of the result that they take part in.
    const auto row = [&](const Tensor& t, Dims shape) {
      shape[last] = of_a[last], shape[last + 1] = of_b[last + 1];
      const Tensor wide = expand(t, shape);
      --shape.n;
      shape[last] = of_a[last] * of_b[last + 1];
      return reshape(wide, shape);
    };
    x = row(x, of_a), y = row(y, of_b);
  }
  return reshape(x * y, sizes);
}

namespace {

struct Cross {
  int64_t dim;
};

// Component i of `dim`.
Tensor component(const Tensor& x, int64_t dim, int i) {
  Dims sizes = x.sizes();
  sizes[int(dim)] = 1;
  return make_view(x, sizes, x.strides(), i * x.stride(int(dim)));
}

void cross_gradient(Gradient& g);

// Inputs: a, b, of one shape and floating dtype.
const OpRecord cross_op{.name = "cross",
                        .shape = [](Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); },
                        .kernel = every_device([](Call& c) {
                          const int64_t d = c.attrs<Cross>().dim;
                          for (int i = 0; i < 3; ++i) {
                            const int j = (i + 1) % 3, k = (i + 2) % 3;
                            const Tensor &a = c.in(0), &b = c.in(1), out = component(c.outputs[0], d, i);
                            launch_row(PointwiseOp::mul, {component(a, d, j), component(b, d, k)}, out);
                            launch_row(PointwiseOp::addcmul, {out, component(a, d, k), component(b, d, j)}, out, -1);
                          }
                        }),
                        .gradient = cross_gradient,
                        .saves = {{0b10, 0b01}, {}},
                        .attributes_bytes = sizeof(Cross)};

void cross_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  if (g.needs(0)) g.set(0, call(cross_op, {g.in(1), g.grad(0)}, g.attrs<Cross>()));
  if (g.needs(1)) g.set(1, call(cross_op, {g.grad(0), g.in(0)}, g.attrs<Cross>()));
}

}  // namespace

Records product_records() { return {&cross_op}; }

Tensor cross(const char* op, const Tensor& a, const Tensor& b, std::optional<int64_t> dim) {
  if (a.dtype() != b.dtype())
    fail<RuntimeError>("%s: inputs must have one dtype, got %s and %s", op, name(a.dtype()), name(b.dtype()));
  if (a.ndim() != b.ndim())
    fail<RuntimeError>("%s: inputs must have the same number of dimensions, got %d and %d", op, a.ndim(), b.ndim());
  const Dims sizes = broadcast_shape(op, a.sizes(), b.sizes());
  int d = -1;
  if (dim) {
    d = wrap_dim(op, *dim, a.ndim());
  } else {
    for (int i = sizes.n - 1; i >= 0; --i)
      if (sizes[i] == 3) d = i;
    if (d < 0) fail<RuntimeError>("%s: no dimension of size 3 in input, got shape %s", op, to_string(sizes).c_str());
  }
  if (a.size(d) != 3 || b.size(d) != 3)
    fail<RuntimeError>("%s: inputs dimension %d must have length 3. Got %lld and %lld", op, d, ll(a.size(d)),
                       ll(b.size(d)));
  const DType dtype = result_type({&a, &b});
  const auto ready = [&](const Tensor& t) { return expand(t.dtype() == dtype ? t : to_dtype(t, dtype), sizes); };
  const Tensor x = ready(a), y = ready(b);
  if (is_floating(dtype)) return call(cross_op, {contiguous(x), contiguous(y)}, Cross{d});
  return roll(x, {-1}, {d}) * roll(y, {-2}, {d}) - roll(x, {-2}, {d}) * roll(y, {-1}, {d});
}

Tensor matrix_power(const Tensor& x, int64_t n) {
  if (x.ndim() < 2 || x.size(x.ndim() - 1) != x.size(x.ndim() - 2))
    fail<RuntimeError>("linalg.matrix_power: A must be batches of square matrices, got shape %s",
                       to_string(x.sizes()).c_str());
  if (n < 0) fail<RuntimeError>("linalg.matrix_power: expected a non-negative power, got %lld", ll(n));
  if (n == 0) {
    const int64_t size = x.size(x.ndim() - 1);
    const Tensor none = zeros(x.sizes(), DType::bool_, x.device());
    return where(none, x, eye(size, size, x.dtype(), x.device()));  // of which x has a gradient, of zeros
  }
  Tensor square = x, result;
  for (;; square = matmul(square, square)) {
    if (n & 1) result = result.defined() ? matmul(result, square) : square;
    n >>= 1;
    if (n == 0) return result.same(x) ? clone(x) : result;
  }
}

// The cheapest order of a chain of products, by dynamic programming (Cormen et al., chapter 15).
Tensor multi_dot(const char* op, const std::vector<Tensor>& tensors) {
  const size_t n = tensors.size();
  if (n < 2) fail<RuntimeError>("%s: expected at least 2 tensors but got %zu", op, n);
  std::vector<Tensor> matrices = tensors;
  const bool row = tensors[0].ndim() == 1, column = tensors[n - 1].ndim() == 1;
  if (row) matrices[0] = unsqueeze(tensors[0], 0);
  if (column) matrices[n - 1] = unsqueeze(tensors[n - 1], 1);
  for (size_t i = 0; i < n; ++i)
    if (matrices[i].ndim() != 2)
      fail<RuntimeError>("%s: tensor %zu must be 2D (the first and last may be 1D) but got shape %s", op, i,
                         to_string(tensors[i].sizes()).c_str());
  std::vector<std::vector<double>> cost(n, std::vector<double>(n, 0));
  std::vector<std::vector<size_t>> cut(n, std::vector<size_t>(n, 0));
  for (size_t length = 1; length < n; ++length)
    for (size_t i = 0; i + length < n; ++i) {
      const size_t j = i + length;
      cost[i][j] = __builtin_inf();
      for (size_t k = i; k < j; ++k) {
        const double work = cost[i][k] + cost[k + 1][j] +
                            double(matrices[i].size(0)) * double(matrices[k].size(1)) * double(matrices[j].size(1));
        if (work >= cost[i][j]) continue;
        cost[i][j] = work;
        cut[i][j] = k;
      }
    }
  const auto product = [&](const auto& self, size_t i, size_t j) -> Tensor {
    if (i == j) return matrices[i];
    return mm(self(self, i, cut[i][j]), self(self, cut[i][j] + 1, j));
  };
  Tensor result = product(product, 0, n - 1);
  if (column) result = squeeze(result, {1});
  if (row) result = squeeze(result, {0});
  return result;
}

Tensor chain_matmul(const std::vector<Tensor>& matrices) {
  for (const Tensor& t : matrices)
    if (t.ndim() != 2)
      fail<RuntimeError>("chain_matmul: expected matrices, got shape %s", to_string(t.sizes()).c_str());
  return matrices.size() == 1 ? matrices[0] : multi_dot("chain_matmul", matrices);
}

Tensor vander(const Tensor& x, std::optional<int64_t> columns, bool increasing) {
  if (x.ndim() != 1)
    fail<RuntimeError>("vander: x must be a one-dimensional tensor, got shape %s", to_string(x.sizes()).c_str());
  return vander_of_vectors(x, columns, increasing);
}

Tensor vander_of_vectors(const Tensor& x, std::optional<int64_t> columns, bool increasing) {
  if (x.ndim() == 0) return vander_of_vectors(unsqueeze(x, 0), columns, increasing);
  const int64_t n = columns.value_or(x.size(x.ndim() - 1));
  if (n < 0) fail<RuntimeError>("vander: N must be non-negative, got %lld", ll(n));
  std::vector<Tensor> powers;
  Tensor power = full(x.sizes(), int64_t(1), is_floating(x.dtype()) ? x.dtype() : DType::i64, x.device());
  for (int64_t i = 0; i < n; ++i) {
    powers.push_back(power);
    power = power * x;
  }
  if (powers.empty()) {
    Dims sizes = x.sizes();
    sizes.push(0);
    return empty(sizes, power.dtype(), x.device());
  }
  const Tensor out = stack(powers, -1);
  return increasing ? out : flip(out, {-1});
}

}  // namespace hotloop::ops
