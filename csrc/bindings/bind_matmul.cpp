#include "bindings/in_place.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/matmul.h"
#include "ops/packed.h"

namespace hotloop::bindings {

namespace {

Activation activation_named(const std::string& name) {
  constexpr const char* names[] = {"none", "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"};
  for (int i = 0; i < 7; ++i)
    if (name == names[i]) return Activation(i);
  fail<ValueError>("linear_activation: activation must be none, relu, gelu, gelu_tanh, silu, tanh or sigmoid, got '%s'",
                   name.c_str());
}

// Inverses are NumPy's, by way of Python.
Tensor matrix_power(const Tensor& x, int64_t n) {
  if (n >= 0) return ops::matrix_power(x, n);
  const py::object function = imported("hotloop.linalg", "_inverse_power"), self = owned(wrap(x));
  const py::object power = owned(to_python(n));
  return as_tensor(owned(PyObject_CallFunctionObjArgs(function.ptr(), self.ptr(), power.ptr(), nullptr)).ptr());
}

Tensor linear_packed(const Tensor& x, const ops::PackedWeight* weight, const Tensor& bias,
                     const std::string& activation) {
  return ops::linear_packed(x, *weight, bias, activation_named(activation));
}

// dims: how many, or two lists of them (or one number in each list's place).
Tensor tensordot(const Tensor& a, const Tensor& b, const py::object& dims) {
  Dims of_a, of_b;
  if (PyIndex_Check(dims.ptr())) {
    const int64_t count = integer_of("tensordot", "dims", dims);
    if (count < 0 || count > a.ndim() || count > b.ndim())
      fail<RuntimeError>("tensordot expects dims >= 0 and no more than the inputs have, but got dims=%lld",
                         static_cast<long long>(count));
    for (int64_t d = 0; d < count; ++d) {
      of_a.push(a.ndim() - count + d);
      of_b.push(d);
    }
    return ops::tensordot(a, b, of_a, of_b);
  }
  if (!PySequence_Check(dims.ptr()) || PySequence_Size(dims.ptr()) != 2)
    fail<TypeError>("tensordot(): argument 'dims' must be int | Sequence[Sequence[int]], not %s",
                    Py_TYPE(dims.ptr())->tp_name);
  for (int side = 0; side < 2; ++side) {
    const py::object list = owned(PySequence_GetItem(dims.ptr(), side));
    Dims& to = side ? of_b : of_a;
    if (PyIndex_Check(list.ptr()))
      to.push(integer_of("tensordot", "dims", list));
    else
      for (int64_t d : integers_of("tensordot", "dims", list)) to.push(d);
  }
  return ops::tensordot(a, b, of_a, of_b);
}

std::string subscripts(const py::object& list) {
  std::string text;
  for (const py::handle one : list) {
    if (one.ptr() == Py_Ellipsis) {
      text += "...";
      continue;
    }
    const int64_t number = integer_of("einsum", "operands", py::reinterpret_borrow<py::object>(one));
    if (number < 0 || number >= 52)
      fail<ValueError>("einsum(): expected subscripts from 0 to 51, got %lld", static_cast<long long>(number));
    text += char(number < 26 ? 'A' + number : 'a' + number - 26);
  }
  return text;
}

// einsum("ij,jk->ik", a, b), the same with [a, b], and einsum(a, [0, 1], b, [1, 2], [0, 2]), whose last list may be left
// out.
Tensor einsum(const py::object& first, const py::object& rest) {
  const auto is_list = [](py::handle o) { return PyList_Check(o.ptr()) || PyTuple_Check(o.ptr()); };
  std::vector<Tensor> operands;
  const auto add_operand = [&](py::handle o) {
    if (!is_tensor(o.ptr()))
      fail<TypeError>("einsum(): expected Tensor as element %zu in argument 'operands', but got %s", operands.size(),
                      Py_TYPE(o.ptr())->tp_name);
    operands.push_back(as_tensor(o.ptr()));
  };
  if (PyUnicode_Check(first.ptr())) {
    for (const py::handle one : rest) add_operand(one);
    return ops::einsum(std::string(py::str(first)), operands);
  }
  std::vector<py::object> given{first};
  // Of the only operand; it may be empty.
  const auto is_subscript = [&](py::handle o) { return !is_list(o) && !is_tensor(o.ptr()); };
  const bool one_list = is_list(rest) && (PyObject_Size(rest.ptr()) == 0 || is_subscript(*rest.begin()));
  if (one_list)
    given.push_back(rest);
  else
    for (const py::handle one : rest) given.push_back(py::reinterpret_borrow<py::object>(one));
  std::string equation;
  for (size_t i = 0; i + 1 < given.size(); i += 2) {
    add_operand(given[i]);
    if (!is_list(given[i + 1]))
      fail<TypeError>("einsum(): expected a list of subscripts after each operand, got %s",
                      Py_TYPE(given[i + 1].ptr())->tp_name);
    equation += (i ? "," : "") + subscripts(given[i + 1]);
  }
  if (given.size() % 2) equation += "->" + subscripts(given.back());
  return ops::einsum(equation, operands);
}

}  // namespace

void add_matmul_rows() {
  add_rows({
      HOTLOOP_OP(
          "matmul(input: Tensor, other: Tensor) -> Tensor", ops::matmul,
          "Matrix product of vectors, matrices or batches of them (..., M, K) x (..., K, N); batch dims broadcast."),
      HOTLOOP_OP("mm(input: Tensor, mat2: Tensor) -> Tensor", ops::mm, "Matrix product (M, K) x (K, N)."),
      HOTLOOP_OP("bmm(input: Tensor, mat2: Tensor) -> Tensor", ops::bmm,
                 "Batched matrix product (B, M, K) x (B, K, N)."),
      HOTLOOP_OP("mv(input: Tensor, vec: Tensor) -> Tensor", ops::mv, "Matrix (M, K) times vector (K)."),
      HOTLOOP_OP("dot(input: Tensor, tensor: Tensor) -> Tensor", ops::dot, "Inner product of two vectors (K)."),
      HOTLOOP_OP("outer(input: Tensor, vec2: Tensor) -> Tensor", ops::outer, "Outer product of vectors (M) and (N)."),
      HOTLOOP_OP("addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor",
                 ops::addmm, "beta * input + alpha * (mat1 @ mat2)."),
      HOTLOOP_OP("baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                 "-> Tensor",
                 ops::baddbmm, "beta * input + alpha * (batch1 @ batch2), batch by batch."),
      HOTLOOP_OP("vdot(input: Tensor, other: Tensor) -> Tensor", ops::dot, "dot() of real vectors."),
      HOTLOOP_OP("inner(input: Tensor, other: Tensor) -> Tensor", ops::inner,
                 "Sums of products over the last dims, (..., K) and (..., K)."),
      HOTLOOP_OP("ger(input: Tensor, vec2: Tensor) -> Tensor", ops::outer, "outer() by another name."),
      HOTLOOP_OP("addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor",
                 ops::addmv, "beta * input + alpha * (mat @ vec)."),
      HOTLOOP_OP("addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor",
                 ops::addr, "beta * input + alpha * outer(vec1, vec2)."),
      HOTLOOP_OP("addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                 "-> Tensor",
                 ops::addbmm, "beta * input + alpha * the sum of batch1 @ batch2 over the batch."),
      HOTLOOP_METHOD("addmm_(self: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                     "-> Tensor",
                     in_place<ops::addmm>, "In-place form of addmm()."),
      HOTLOOP_METHOD("addmv_(self: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                     "-> Tensor",
                     in_place<ops::addmv>, "In-place form of addmv()."),
      HOTLOOP_METHOD("addr_(self: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                     "-> Tensor",
                     in_place<ops::addr>, "In-place form of addr()."),
      HOTLOOP_METHOD("addbmm_(self: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                     "-> Tensor",
                     in_place<ops::addbmm>, "In-place form of addbmm()."),
      HOTLOOP_METHOD("baddbmm_(self: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) "
                     "-> Tensor",
                     in_place<ops::baddbmm>, "In-place form of baddbmm()."),
      HOTLOOP_FUNCTION("einsum(equation: str | Tensor, *operands: Any) -> Tensor", einsum,
                       "Sums of products by named dims: 'bij,bjk->bik'; without an arrow, over the letters that occur "
                       "more than once."),
      HOTLOOP_FUNCTION("tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor", tensordot,
                       "Sums of products over the last `dims` dims of a and first of b, or over two lists of dims."),
      HOTLOOP_OP("kron(input: Tensor, other: Tensor) -> Tensor", ops::kron, "The Kronecker product."),
      HOTLOOP_OP(
          "cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor",
          [](const Tensor& a, const Tensor& b, std::optional<int64_t> dim) { return ops::cross("cross", a, b, dim); },
          "The cross product of vectors along dim, or along the first dim of size 3."),
      HOTLOOP_FUNCTION(
          "linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor",
          [](const Tensor& a, const Tensor& b, int64_t dim) { return ops::cross("linalg.cross", a, b, dim); },
          "The cross product of vectors along dim."),
      HOTLOOP_OP("matrix_power(input: Tensor, n: int) -> Tensor", matrix_power,
                 "A square matrix (or a batch) times itself n times; where n is negative, its inverse."),
      HOTLOOP_FUNCTION("chain_matmul(*matrices: Tensor) -> Tensor", ops::chain_matmul,
                       "The product of matrices in the cheapest order."),
      HOTLOOP_FUNCTION(
          "linalg_multi_dot(tensors: Sequence[Tensor]) -> Tensor",
          [](const std::vector<Tensor>& tensors) { return ops::multi_dot("linalg.multi_dot", tensors); },
          "The product of matrices in the cheapest order; the first and the last may be vectors."),
      HOTLOOP_FUNCTION("vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor", ops::vander,
                       "Powers of the vector x as columns, the highest first unless increasing."),
      HOTLOOP_FUNCTION(
          "linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor",
          [](const Tensor& x, std::optional<int64_t> columns) { return ops::vander_of_vectors(x, columns, true); },
          "Powers of x (..., n) as columns (..., n, N), the lowest first."),
      HOTLOOP_FUNCTION(
          "linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor",
          [](const Tensor& x, const Tensor& weight, const Tensor& bias) { return ops::linear(x, weight, bias); },
          "input (..., in) @ weight (out, in)^T + bias (out), in one kernel."),
      HOTLOOP_FUNCTION(
          "linear_activation(input: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor",
          [](const Tensor& x, const Tensor& weight, const Tensor& bias, const std::string& activation) {
            return ops::linear(x, weight, bias, activation_named(activation));
          },
          "linear() with an activation fused into its end: none, relu, gelu, gelu_tanh, silu, tanh, "
          "sigmoid."),
      HOTLOOP_FUNCTION("linear_packed(input: Tensor, weight: PackedWeight, bias: Tensor | None = None, "
                       "activation: str = 'none') -> Tensor",
                       linear_packed,
                       "linear_activation() with a weight packed beforehand; for inference, without a gradient."),
  });
}

}  // namespace hotloop::bindings
