// Ends with 0 where the library's own products of T are right: sizes at and around those of tiles and steps, each layout
// of the operands, aligned and not, batches and epilogues, under each schedule.
#pragma once

#include <vector>

#include "kernels/args/matmul.h"
#include "program.h"

namespace mutants {

// One matrix of rows x columns among memory that is never to be used.
template <class T>
class Matrix {
 public:
  enum Layout { rows_together, columns_together, apart };  // which neighbours lie side by side

  // skew: elements before the first, so that rows aren't aligned.
  Matrix(int64_t rows, int64_t columns, Layout layout, int64_t skew, T outside)
      : row_stride(layout == columns_together ? 1 : (layout == apart ? 2 : 1) * padded(columns)),
        column_stride(layout == columns_together ? padded(rows)
                      : layout == apart          ? 2
                                                 : 1),
        skew_(skew),
        memory_(rows && columns ? skew + (rows - 1) * row_stride + (columns - 1) * column_stride + 1 : 1,
                [=](int64_t) { return outside; }) {}  // nothing lies behind the last element

  T* data() const { return memory_.data() + skew_; }
  T& at(int64_t row, int64_t column) const { return data()[row * row_stride + column * column_stride]; }
  const Array<T>& memory() const { return memory_; }

  const int64_t row_stride, column_stride;

 private:
  static int64_t padded(int64_t n) { return (n + 7) / 8 * 8 + 8; }
  int64_t skew_;
  Array<T> memory_;
};

struct MatmulCase {
  int64_t m, n, k;
  int a_layout = 0, b_layout = 0;
  int64_t a_skew = 0, b_skew = 0;
  bool epilogue = false;
  int64_t batch = 1;  // of one A and several B side by side
};

template <class T, class ToT, class FromT>
bool is_right(const MatmulCase& c, hotloop::DType dtype, void (*product)(const hotloop::MatmulArgs&, void*), ToT to_t,
              FromT from_t) {
  using Layout = typename Matrix<T>::Layout;
  const auto small = [&](int64_t i) { return to_t(int(i * 7 % 9) - 4); };
  const T outside = to_t(77);
  Matrix<T> a(c.m, c.k, Layout(c.a_layout), c.a_skew, outside);
  Matrix<T> b(c.k, c.n * c.batch, Layout(c.b_layout), c.b_skew, outside);
  Matrix<T> out(c.m * c.batch, c.n, Layout::rows_together, 0, outside);
  Matrix<T> bias(1, c.n, Layout::rows_together, 0, outside), residual(c.m, c.n, Layout::rows_together, 0, outside);
  for (int64_t i = 0; i < c.m; ++i)
    for (int64_t l = 0; l < c.k; ++l) a.at(i, l) = small(3 * i + 5 * l);
  for (int64_t l = 0; l < c.k; ++l)
    for (int64_t j = 0; j < c.n * c.batch; ++j) b.at(l, j) = small(2 * l + 11 * j + 1);
  for (int64_t j = 0; j < c.n; ++j) bias.at(0, j) = small(j + 3);
  for (int64_t i = 0; i < c.m; ++i)
    for (int64_t j = 0; j < c.n; ++j) residual.at(i, j) = small(i + 2 * j);

  hotloop::MatmulArgs args;
  args.dtype = dtype;
  args.m = c.m, args.n = c.n, args.k = c.k;
  args.a = a.data(), args.a_row_stride = a.row_stride, args.a_col_stride = a.column_stride;
  args.b = b.data(), args.b_row_stride = b.row_stride, args.b_col_stride = b.column_stride;
  args.out = out.data(), args.out_row_stride = out.row_stride;
  if (c.epilogue) {
    args.activation = hotloop::Activation::relu;
    args.bias = bias.data(), args.bias_col_stride = bias.column_stride;
    args.residual = residual.data(), args.residual_row_stride = residual.row_stride, args.residual_col_stride = 1;
  }
  if (c.batch > 1) {
    args.batch_dims = 1;
    args.batch[0] = c.batch;
    args.b_batch_stride[0] = c.n * b.column_stride;
    args.out_batch_stride[0] = c.m * out.row_stride;
  }
  product(args, nullptr);

  Matrix<T> wanted(c.m * c.batch, c.n, Layout::rows_together, 0, outside);
  for (int64_t q = 0; q < c.batch; ++q) {
    for (int64_t i = 0; i < c.m; ++i) {
      for (int64_t j = 0; j < c.n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < c.k; ++l) sum += from_t(a.at(i, l)) * from_t(b.at(l, q * c.n + j));
        if (c.epilogue) {
          sum += from_t(bias.at(0, j));
          sum = (sum > 0 ? sum : 0) + from_t(residual.at(i, j));
        }
        wanted.at(q * c.m + i, j) = to_t(sum);
      }
    }
  }
  for (size_t i = 0; i < wanted.memory().size(); ++i)
    if (from_t(wanted.memory()[int64_t(i)]) != from_t(out.memory()[int64_t(i)])) return false;
  return true;
}

// A step is `deep` of k; a tile `wide`.
inline std::vector<MatmulCase> matmul_cases(int64_t wide, int64_t deep) {
  std::vector<MatmulCase> cases = {
      {wide, wide, deep},
      {wide, 2 * wide, 5 * deep},
      {wide + 1, wide - 1, 3 * deep + 8},
      {1, 1, 1},
      {wide - 1, wide + 8, 2 * deep + 1},
      {wide, wide, 0},
      {9 * wide, wide + 1, deep},  // more rows of tiles than go together
      {5, 7, 4 * deep - 1, 0, 0, 0, 0, true},
      {wide + 3, 9, deep + 2, 0, 0, 0, 0, true, 3},
  };
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) cases.push_back({wide + 5, wide + 3, deep + 7, a, b, (a + b) % 2, b % 2});
  return cases;
}

}  // namespace mutants
