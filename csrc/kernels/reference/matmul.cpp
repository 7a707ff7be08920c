// The oracle: three loops. Sums f16, bf16, f32 and f64 in double; integers in 64 bits, wrapping.
#include "kernels/args/matmul.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {
namespace {

double activate(double x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return x < 0 ? 0 : x;
    case Activation::gelu: return x * 0.5 * std::erfc(-x * 0.70710678118654752);
    case Activation::gelu_tanh: return x / (1 + std::exp(-1.5957691216057308 * (x + 0.044715 * x * x * x)));
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
  }
  return x;
}

// Offsets of one batch index in a, b, out, bias and residual.
struct Offsets {
  int64_t a = 0, b = 0, out = 0, bias = 0, residual = 0;
};

Offsets offsets_of(const MatmulArgs& args, int64_t index) {
  Offsets at;
  for (int d = args.batch_dims - 1; d >= 0; --d) {
    const int64_t i = index % args.batch[d];
    index /= args.batch[d];
    at.a += i * args.a_batch_stride[d];
    at.b += i * args.b_batch_stride[d];
    at.out += i * args.out_batch_stride[d];
    at.bias += i * args.bias_batch_stride[d];
    at.residual += i * args.residual_batch_stride[d];
  }
  return at;
}

void floating(const MatmulArgs& args, const Offsets& at, int64_t i, int64_t j) {
  double sum = 0;
  for (int64_t k = 0; k < args.k; ++k)
    sum += get(args.a, args.dtype, at.a + i * args.a_row_stride + k * args.a_col_stride) *
           get(args.b, args.dtype, at.b + k * args.b_row_stride + j * args.b_col_stride);
  double x = args.alpha * sum;
  if (args.bias) x += get(args.bias, args.dtype, at.bias + i * args.bias_row_stride + j * args.bias_col_stride);
  x = activate(x, args.activation);
  if (args.residual)
    x += args.beta *
         get(args.residual, args.dtype, at.residual + i * args.residual_row_stride + j * args.residual_col_stride);
  put(args.out, args.dtype, at.out + i * args.out_row_stride + j, x);
}

// alpha and beta are whole numbers; of the activations, relu alone means something.
void integral(const MatmulArgs& args, const Offsets& at, int64_t i, int64_t j) {
  uint64_t sum = 0;
  const auto element = [&](const void* p, int64_t offset) { return uint64_t(get_integer(p, args.dtype, offset)); };
  for (int64_t k = 0; k < args.k; ++k)
    sum += element(args.a, at.a + i * args.a_row_stride + k * args.a_col_stride) *
           element(args.b, at.b + k * args.b_row_stride + j * args.b_col_stride);
  sum *= uint64_t(int64_t(args.alpha));
  if (args.bias) sum += element(args.bias, at.bias + i * args.bias_row_stride + j * args.bias_col_stride);
  if (args.activation == Activation::relu && int64_t(sum) < 0) sum = 0;
  if (args.residual)
    sum += uint64_t(int64_t(args.beta)) *
           element(args.residual, at.residual + i * args.residual_row_stride + j * args.residual_col_stride);
  put_integer(args.out, args.dtype, at.out + i * args.out_row_stride + j, int64_t(sum));
}

}  // namespace

void matmul(const MatmulArgs& args) {
  int64_t batch = 1;
  for (int d = 0; d < args.batch_dims; ++d) batch *= args.batch[d];
  const bool is_float = args.dtype >= DType::f16;
  for (int64_t index = 0; index < batch; ++index) {
    const Offsets at = offsets_of(args, index);
    for (int64_t i = 0; i < args.m; ++i)
      for (int64_t j = 0; j < args.n; ++j) (is_float ? floating : integral)(args, at, i, j);
  }
}

}  // namespace hotloop::reference
