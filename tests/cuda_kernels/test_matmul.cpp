// Products on the tensor cores against the reference: layouts, strides, batches, epilogues, sizes round those of tiles
// and steps; exact where the operands have few bits, within what tf32 rounds off where they have many.
#include "kernels.h"
#include "kernels/args/matmul.h"

#include <bit>

HOTLOOP_TESTED_KERNEL(matmul, MatmulArgs)
namespace hotloop::sm80 {
void matmul_tf32(const MatmulArgs&, GpuStream);
}

using namespace hotloop;
using namespace kernels;

namespace {

enum class Layout { rows, columns, apart };  // whose elements lie side by side

struct Product {
  int64_t m, n, k;
  Layout a = Layout::rows, b = Layout::rows;
  int64_t skew = 0;   // elements past an aligned address
  int64_t batch = 1;  // of one A and several B
  bool epilogue = false;
  const char* reason = "";
};
const Product kProducts[] = {
    {1, 1, 1, Layout::rows, Layout::rows, 0, 1, false, "one element"},
    {32, 32, 16, Layout::rows, Layout::rows, 0, 1, false, "one tile, one step"},
    {33, 31, 50, Layout::rows, Layout::columns, 0, 1, true, "tails, NT"},
    {17, 40, 36, Layout::columns, Layout::rows, 0, 1, false, "TN"},
    {40, 17, 61, Layout::columns, Layout::columns, 1, 1, false, "TT, not aligned"},
    {9, 12, 23, Layout::apart, Layout::apart, 0, 1, true, "no neighbours"},
    {5, 33, 19, Layout::rows, Layout::rows, 3, 3, true, "a batch, not aligned"},
    {12, 9, 0, Layout::rows, Layout::rows, 0, 2, true, "empty sums"},
    {264, 258, 20, Layout::rows, Layout::rows, 0, 1, false, "large tiles, NN"},
    {258, 264, 20, Layout::columns, Layout::columns, 0, 1, true, "large tiles, TT"},
};

// A matrix of numbers from -1 to 1, of `bits` bits of fraction where bits > 0.
struct Matrix {
  Matrix(DType dtype, int64_t rows, int64_t columns, Layout layout, int64_t skew, Numbers& numbers, int bits)
      : row_stride(layout == Layout::columns ? 1 : columns * (layout == Layout::apart ? 2 : 1)),
        column_stride(layout == Layout::columns ? rows
                      : layout == Layout::apart ? 2
                                                : 1),
        elements(dtype, rows * columns * (layout == Layout::apart ? 2 : 1), skew) {
    for (int64_t i = 0; i < elements.size(); ++i) {
      const double x = numbers.uniform(-1, 1);
      elements.set(i, bits ? std::ldexp(std::nearbyint(std::ldexp(x, bits)), -bits) : x);
    }
  }
  const void* data() const { return elements.data(); }
  double at(int64_t row, int64_t column) const { return elements[row * row_stride + column * column_stride]; }

  int64_t row_stride, column_stride;
  Elements elements;
};

float to_tf32(float x) { return std::bit_cast<float>((std::bit_cast<uint32_t>(x) + 0x1000u) & 0xffffe000u); }

// How far a sum may be from the exact one, as a share of its terms' sizes: each is rounded in both operands, and the
// hardware may cut sums off where it doesn't round them.
constexpr double kTf32 = 0x1p-11;
double off_by(double rounded, int64_t k) { return 2 * rounded + rounded * rounded + double(k + 4) * 0x1p-22; }

// Against the reference of the operands as they are and, since sums in f32 lose less than tf32's rounding, of operands
// rounded beforehand.
void check_product(DType dtype, void (*kernel)(const MatmulArgs&, GpuStream), const Product& p, int bits) {
  Numbers numbers(uint64_t(p.m * 31 + p.n * 7 + p.k));
  const bool tf32 = dtype == DType::f32 && bits == 0;
  Matrix a(dtype, p.m, p.k, p.a, p.skew, numbers, bits), b(dtype, p.k, p.n * p.batch, p.b, p.skew, numbers, bits);
  const Matrix bias(dtype, 1, p.n, Layout::rows, 0, numbers, bits);
  const Matrix residual(dtype, p.m, p.n, Layout::columns, 0, numbers, bits);
  const Elements out(dtype, p.m * p.n * p.batch), want(dtype, out.size()), rounded(dtype, out.size());
  MatmulArgs args;
  args.dtype = dtype;
  args.m = p.m, args.n = p.n, args.k = p.k;
  args.a = a.data(), args.a_row_stride = a.row_stride, args.a_col_stride = a.column_stride;
  args.b = b.data(), args.b_row_stride = b.row_stride, args.b_col_stride = b.column_stride;
  args.out = out.data(), args.out_row_stride = p.n;
  if (p.epilogue) {
    args.activation = Activation::relu;
    args.alpha = 0.5, args.beta = 2;
    args.bias = bias.data(), args.bias_col_stride = 1;
    args.residual = residual.data();
    args.residual_row_stride = residual.row_stride, args.residual_col_stride = residual.column_stride;
  }
  if (p.batch > 1) {
    args.batch_dims = 1;
    args.batch[0] = p.batch;
    args.b_batch_stride[0] = p.n * b.column_stride;
    args.out_batch_stride[0] = p.m * p.n;
  }
  kernel(args, nullptr);
  args.out = want.data();
  reference::matmul(args);
  if (tf32) {
    for (const Matrix* x : {&a, &b})
      for (int64_t i = 0; i < x->elements.size(); ++i) x->elements.set(i, to_tf32(float(x->elements[i])));
    args.out = rounded.data();
    reference::matmul(args);
  }
  for (int64_t i = 0; i < out.size(); ++i) {
    const int64_t row = i / p.n % p.m, column = i % p.n + i / (p.m * p.n) * p.n;
    double terms = p.epilogue ? 3 : 0;
    for (int64_t l = 0; l < p.k; ++l) terms += std::fabs(a.at(row, l) * b.at(l, column));
    const double last = epsilon(dtype) * std::fabs(want[i]);
    const bool near = tf32 ? std::fabs(out[i] - want[i]) <= terms * off_by(kTf32, p.k) + last &&
                                 std::fabs(out[i] - rounded[i]) <= terms * off_by(0, p.k) + last
                           : out[i] == want[i];
    if (near) continue;
    return check::report(
        __FILE__, __LINE__,
        text("%s %s %lld x %lld x %lld %s: at %lld got %.9g, want %.9g", name(dtype), bits ? "exact" : "rounded",
             (long long)p.m, (long long)p.n, (long long)p.k, p.reason, (long long)i, out[i], want[i]));
  }
}

}  // namespace

TEST(matmul, tf32_of_few_bits_is_exact) {
  for (const Product& p : kProducts) check_product(DType::f32, sm80::matmul_tf32, p, 4);
}

TEST(matmul, tf32_rounds_to_nearest) {
  for (const Product& p : kProducts) check_product(DType::f32, sm80::matmul_tf32, p, 0);
}

TEST(matmul, of_few_bits_is_exact) {
  for (DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64})
    for (const Product& p : kProducts) check_product(dtype, sm80::matmul, p, dtype == DType::bf16 ? 1 : 2);
}

TEST(matmul, under_each_schedule) {
  emulated::under_each_schedule([] {
    for (int i = 1; i < 8; ++i) check_product(DType::f32, sm80::matmul_tf32, kProducts[i], 0);
  });
}

TEST(matmul, tf32_rows_have_their_bits_whatever_lies_around_them) {
  const int64_t k = 150, n = 300, m = 260;
  Numbers numbers(3);
  const Matrix a(DType::f32, m, k, Layout::rows, 0, numbers, 0), b(DType::f32, k, n, Layout::rows, 0, numbers, 0);
  const Elements all(DType::f32, m * n), few(DType::f32, 3 * n);
  MatmulArgs args;
  args.m = m, args.n = n, args.k = k;
  args.a = a.data(), args.a_row_stride = k, args.a_col_stride = 1;
  args.b = b.data(), args.b_row_stride = n, args.b_col_stride = 1;
  args.out = all.data(), args.out_row_stride = n;
  sm80::matmul_tf32(args, nullptr);  // in large tiles
  args.m = 3;
  args.a = a.elements.data<float>() + 100 * k;
  args.out = few.data();
  sm80::matmul_tf32(args, nullptr);  // in small ones
  CHECK_EQUAL(std::memcmp(few.data(), all.data<float>() + 100 * n, size_t(3 * n) * sizeof(float)), 0);
}

TEST(matmul, tf32_special_values) {
  const float values[] = {INFINITY, -INFINITY, NAN, 0x1.fffffep127f, 0x1p-140f, -0.0f};
  Numbers numbers(4);
  for (float value : values) {
    Matrix a(DType::f32, 4, 20, Layout::rows, 0, numbers, 4);
    const Matrix b(DType::f32, 20, 3, Layout::columns, 0, numbers, 4);
    a.elements.set(25, value);
    const Elements out(DType::f32, 12), want(DType::f32, 12);
    MatmulArgs args;
    args.m = 4, args.n = 3, args.k = 20;
    args.a = a.data(), args.a_row_stride = 20, args.a_col_stride = 1;
    args.b = b.data(), args.b_row_stride = 1, args.b_col_stride = 20;
    args.out = out.data(), args.out_row_stride = 3;
    sm80::matmul_tf32(args, nullptr);
    if (value == 0x1.fffffep127f) a.elements.set(25, INFINITY);  // no tf32 is as large but infinity
    args.out = want.data();
    reference::matmul(args);
    CHECK_EQUAL(out.differences(want), 0);
  }
}
