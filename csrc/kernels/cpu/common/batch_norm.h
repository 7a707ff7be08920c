// Batch norm (kernels/args/batch_norm.h). Channels go strip by strip: moments first, then a strip is normalised while as
// much of it as fits is still in L2. Channels with long runs of elements are a strip each; short runs go side by side, as
// the columns of a matrix with a row a sample, whose moments are put together in the end.
//
// A strip is cut into blocks of fixed size. A block gives two sums for each of the strip's columns (a strip of one
// channel has a single one), and those of all blocks are put together in their order: no thread shows in the result.
#pragma once

#include "kernels/args/batch_norm.h"
#include "kernels/cpu/common/softmax_rows.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kLeastRun = 128;           // elements that a channel has in a row to be a strip
constexpr int64_t kStripColumns = 2048;      // narrower strips do not stay in L2 any better than rows stream past
constexpr int64_t kBlockSamples = 32;        // of columns: 256 KB of f32, which the second look at them finds in L2
constexpr int64_t kBlockElements = 4096;     // of a channel
constexpr int64_t kSplitStrip = 128 * 1024;  // elements of a strip whose blocks go to several threads

struct Strip {
  bool columns;
  int64_t samples, row, offset, length;  // a sample's elements are `length` from sample * row + offset on
  int64_t together;                      // samples of a block, or
  int64_t pieces;                        // blocks of a sample

  int64_t elements() const { return samples * length; }
  int64_t blocks() const { return pieces > 1 ? samples * pieces : (samples + together - 1) / together; }
  int64_t block_elements() const { return pieces > 1 ? kBlockElements : together * length; }
  int64_t width() const { return columns ? length : 1; }
  int64_t rows(int64_t block) const { return smaller(together, samples - block * together); }
  // Elements that a column has in a block.
  int64_t depth(int64_t block) const {
    if (columns) return rows(block);
    return pieces > 1 ? smaller(kBlockElements, length - block % pieces * kBlockElements) : rows(block) * length;
  }
  // f(offset, n) for the runs of memory that a block consists of.
  template <class F>
  [[gnu::always_inline]] void each_run(int64_t block, F f) const {
    if (pieces > 1) {
      const int64_t from = block % pieces * kBlockElements;
      return f(block / pieces * row + offset + from, smaller(kBlockElements, length - from));
    }
    const int64_t first = block * together;
    for (int64_t s = first; s < first + rows(block); ++s) f(s * row + offset, length);
  }
};

inline Strip strip_of(bool columns, int64_t samples, int64_t channels, int64_t inner, int64_t first, int64_t count) {
  const int64_t length = count * inner;
  return {columns,
          samples,
          channels * inner,
          first * inner,
          length,
          columns ? kBlockSamples : larger<int64_t>(kBlockElements / length, 1),
          columns ? 1 : (length + kBlockElements - 1) / kBlockElements};
}

// body(strip, first channel, channels) for all of them, `each` channels a strip.
template <class F>
void for_strips(int64_t samples, int64_t channels, int64_t inner, bool columns, int64_t each, F body) {
  const int64_t strips = (channels + each - 1) / each, work = samples * smaller(each, channels) * inner;
  const bool alone = work >= kSplitStrip || strips * work < 2 * kRowChunkWork;
  const int64_t per_chunk = alone ? strips : larger<int64_t>(kRowChunkWork / work, 1);
  for_chunks((strips + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    for (int64_t i = chunk * per_chunk; i < smaller((chunk + 1) * per_chunk, strips); ++i) {
      const int64_t first = i * each, count = smaller(each, channels - first);
      body(strip_of(columns, samples, channels, inner, first, count), first, count);
    }
  });
}

// body(block, buffer) for all blocks of a strip; the buffer has room for `buffers` blocks.
template <class A, class F>
void for_blocks(const Strip& strip, int buffers, F body) {
  const int64_t blocks = strip.blocks(), size = strip.block_elements();
  const int64_t per_chunk = strip.elements() < kSplitStrip ? blocks : larger<int64_t>(2 * kRowChunkWork / size, 1);
  for_chunks((blocks + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    Workspace buffer(size_t(buffers * size) * sizeof(A));
    for (int64_t block = chunk * per_chunk; block < smaller((chunk + 1) * per_chunk, blocks); ++block)
      body(block, static_cast<A*>(buffer.data()));
  });
}

// A block's elements: `rows` of the strip's columns, or a single row of all elements of its channel.
template <class A>
struct Block {
  const A* p;
  int64_t stride;
  int rows;
};
template <class T, class A>
Block<A> block_of(const Strip& strip, int64_t block, const T* x, A* buffer) {
  const int rows = int(strip.columns ? strip.rows(block) : 1);
  if constexpr (__is_same(T, A))
    if (strip.columns) return {x + block * strip.together * strip.row + strip.offset, strip.row, rows};
  A* to = buffer;
  strip.each_run(block, [&](int64_t offset, int64_t n) {
    if constexpr (__is_same(T, A))
      __builtin_memcpy(to, x + offset, size_t(n) * sizeof(A));
    else
      load_row(to, x + offset, n);
    to += n;
  });
  return {buffer, strip.length, rows};
}

// into[j] += the sum of term(r, j, count) over the rows, for whole vectors j and the rest.
template <class A, class Term>
[[gnu::always_inline]] inline void add_columns(A* into, int rows, int64_t width, Term term) {
  int r = 0;
  for (; r + 4 <= rows; r += 4)
    for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
      const Vec<A> sum = (term(r, j, count) + term(r + 1, j, count)) + (term(r + 2, j, count) + term(r + 3, j, count));
      store_some<A>(into + j, load_some(into + j, count) + sum, count);
    });
  for (; r < rows; ++r)
    for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
      store_some<A>(into + j, load_some(into + j, count) + term(r, j, count), count);
    });
}

// Of a block: means, and sums of squares about them; of columns, or of one row of n elements.
template <class A>
void moments_of_columns(const Block<A>& x, int64_t width, A* mean, A* squares) {
  __builtin_memset(mean, 0, size_t(width) * sizeof(A));
  __builtin_memset(squares, 0, size_t(width) * sizeof(A));
  add_columns<A>(mean, x.rows, width, [&](int r, int64_t j, int count) __attribute__((always_inline)) {
    return load_some(x.p + r * x.stride + j, count);
  });
  for (int64_t j = 0; j < width; ++j) mean[j] /= A(x.rows);
  add_columns<A>(squares, x.rows, width, [&](int r, int64_t j, int count) __attribute__((always_inline)) {
    const Vec<A> d = load_some(x.p + r * x.stride + j, count) - load_some(mean + j, count);
    return d * d;
  });
}
template <class A>
void moments_of_row(const A* x, int64_t n, A& mean, A& squares) {
  mean = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) { return load_some(x + i, count); }) /
         A(n);
  const Vec<A> shift = broadcast(mean);
  squares = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    const Vec<A> d = load_some(x + i, count) - shift;
    return keep_lanes<A>(d * d, count);
  });
}

// Of a block: sums of g, and of g times x less its mean.
template <int kRows, class A>
[[gnu::always_inline]] inline void add_sums(const Block<A>& x, const Block<A>& g, int r, int64_t width, const A* mean,
                                            A* sum, A* product) {
  for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
    const Vec<A> shift = load_some(mean + j, count);
    Vec<A> of_g[kRows], of_gx[kRows];
#pragma GCC unroll 4
    for (int k = 0; k < kRows; ++k) {
      of_g[k] = load_some(g.p + (r + k) * g.stride + j, count);
      of_gx[k] = of_g[k] * (load_some(x.p + (r + k) * x.stride + j, count) - shift);
    }
#pragma GCC unroll 2
    for (int half = kRows / 2; half > 0; half /= 2)
#pragma GCC unroll 2
      for (int k = 0; k < half; ++k) of_g[k] += of_g[k + half], of_gx[k] += of_gx[k + half];
    store_some<A>(sum + j, load_some(sum + j, count) + of_g[0], count);
    store_some<A>(product + j, load_some(product + j, count) + of_gx[0], count);
  });
}
template <class A>
void sums_of_columns(const Block<A>& x, const Block<A>& g, int64_t width, const A* mean, A* sum, A* product) {
  __builtin_memset(sum, 0, size_t(width) * sizeof(A));
  __builtin_memset(product, 0, size_t(width) * sizeof(A));
  int r = 0;
  for (; r + 4 <= x.rows; r += 4) add_sums<4>(x, g, r, width, mean, sum, product);
  for (; r < x.rows; ++r) add_sums<1>(x, g, r, width, mean, sum, product);
}
template <class A>
void sums_of_row(const A* x, const A* g, int64_t n, A mean, A& sum, A& product) {
  const Vec<A> shift = broadcast(mean);
  product = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    return load_some(g + i, count) * (load_some(x + i, count) - shift);  // g is 0 in the lanes past the end
  });
  sum = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) { return load_some(g + i, count); });
}

// A run of elements, each with its column's numbers or all with those of one channel; f is given vectors.
template <bool kColumns, class A>
[[gnu::always_inline]] inline Vec<A> number_of(const A* numbers, int64_t j, int count) {
  return kColumns ? load_some(numbers + j, count) : broadcast(*numbers);
}

// What a strip's columns are multiplied with and moved by.
template <class A>
struct ForwardNumbers {
  A *mean, *scale, *bias;
};
template <bool kColumns, class A>
void normalise_run(const A* x, A* out, int64_t n, const ForwardNumbers<A>& c) {
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    const Vec<A> centred = load_some(x + i, count) - number_of<kColumns>(c.mean, i, count);
    store_some<A>(out + i, fma(centred, number_of<kColumns>(c.scale, i, count), number_of<kColumns>(c.bias, i, count)),
                  count);
  });
}
template <class T, class A>
void normalise(bool columns, const T* x, T* out, int64_t n, const ForwardNumbers<A>& numbers, A* buffer) {
  const auto run = columns ? normalise_run<true, A> : normalise_run<false, A>;
  if constexpr (__is_same(T, A)) {
    run(x, out, n, numbers);
  } else {
    load_row(buffer, x, n);
    run(buffer, buffer, n, numbers);
    store_row(out, buffer, n);
  }
}

// grad_x = scale g + by_x (x - mean) + shift
template <class A>
struct BackwardNumbers {
  A *mean, *scale, *by_x, *shift;
};
template <bool kColumns, class A>
void spread_run(const A* x, const A* g, A* grad_x, int64_t n, const BackwardNumbers<A>& c) {
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    const Vec<A> centred = load_some(x + i, count) - number_of<kColumns>(c.mean, i, count);
    const Vec<A> own =
        fma(load_some(g + i, count), number_of<kColumns>(c.scale, i, count), number_of<kColumns>(c.shift, i, count));
    store_some<A>(grad_x + i, fma(centred, number_of<kColumns>(c.by_x, i, count), own), count);
  });
}

// The numbers of `count` channels, each `inner` times where they are those of columns.
template <class A>
void spread_to_columns(A* numbers, int64_t count, int64_t inner) {
  for (int64_t c = count - 1; c >= 0; --c)
    for (int64_t i = inner - 1; i >= 0; --i) numbers[c * inner + i] = numbers[c];
}

// Means and sums of squares of a strip's channels from those of its blocks, (blocks, 2, width).
template <class A>
void join_moments(const Strip& strip, const A* partial, int64_t count, double* mean, double* squares) {
  const int64_t width = strip.width(), inner = width / count;
  double depth = 0;
  for (int64_t block = 0; block < strip.blocks(); ++block, partial += 2 * width) {
    const double more = double(strip.depth(block)), share = more / (depth + more), weight = depth * share;
    for (int64_t j = 0; j < width; ++j) {
      const double apart = double(partial[j]) - (depth ? mean[j] : 0), within = double(partial[width + j]);
      mean[j] = (depth ? mean[j] : 0) + apart * share;
      squares[j] = (depth ? squares[j] : 0) + within + apart * apart * weight;
    }
    depth += more;
  }
  for (int64_t c = 0; c < count && inner > 1; ++c) {
    double total = 0, within = 0;
    for (int64_t i = 0; i < inner; ++i) total += mean[c * inner + i];
    const double middle = total / double(inner);
    for (int64_t i = 0; i < inner; ++i) {
      const double apart = mean[c * inner + i] - middle;
      within += squares[c * inner + i] + apart * apart * depth;
    }
    mean[c] = middle, squares[c] = within;
  }
}

template <class T>
void batch_norm_as(const BatchNormArgs& args) {
  using A = Compute<T>;
  const T* x = static_cast<const T*>(args.x);
  T* out = static_cast<T*>(args.out);
  const auto at = [](const void* numbers) { return static_cast<A*>(const_cast<void*>(numbers)); };
  const auto numbers_of = [&](int64_t first, int64_t count, int64_t repeat, const ForwardNumbers<A>& to) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t c = first + i;
      const A rstd = A(1 / __builtin_sqrt(double(at(args.variance)[c]) + args.eps));
      at(args.rstd)[c] = rstd;
      to.mean[i] = at(args.mean)[c];
      to.scale[i] = args.weight ? rstd * at(args.weight)[c] : rstd;
      to.bias[i] = args.bias ? at(args.bias)[c] : A(0);
    }
    for (int k = 0; k < 3; ++k) spread_to_columns(to.mean + k * count * repeat, count, repeat);
  };
  const bool columns = args.inner < kLeastRun;
  if (!args.by_batch) {  // rows as they lie in memory
    const int64_t width = args.channels * (columns ? args.inner : 1);
    Workspace memory(size_t(3 * width) * sizeof(A));
    A* base = static_cast<A*>(memory.data());
    const ForwardNumbers<A> all{base, base + width, base + 2 * width};
    numbers_of(0, args.channels, columns ? args.inner : 1, all);
    const int64_t runs = columns ? args.samples : args.samples * args.channels, n = columns ? width : args.inner;
    for_row_runs(1, runs, n, rows_of_chunk(n), [&](int64_t, int64_t first, int64_t count) {
      Workspace buffer(__is_same(T, A) ? 0 : size_t(n) * sizeof(A));
      for (int64_t r = first; r < first + count; ++r) {
        const int64_t c = columns ? 0 : r % args.channels;
        normalise(columns, x + r * n, out + r * n, n, ForwardNumbers<A>{all.mean + c, all.scale + c, all.bias + c},
                  static_cast<A*>(buffer.data()));
      }
    });
    return;
  }
  const int64_t each = columns ? larger<int64_t>(kStripColumns / args.inner, 1) : 1;
  for_strips(args.samples, args.channels, args.inner, columns, each,
             [&](const Strip& strip, int64_t first, int64_t count) {
               const int64_t width = strip.width(), sums = 2 * width * strip.blocks();
               Workspace memory(size_t(2 * width) * sizeof(double) + size_t(sums + 3 * width) * sizeof(A));
               double* mean = static_cast<double*>(memory.data());
               double* squares = mean + width;
               A* partial = reinterpret_cast<A*>(squares + width);
               for_blocks<A>(strip, 1, [&](int64_t block, A* buffer) {
                 const Block<A> elements = block_of(strip, block, x, buffer);
                 A* to = partial + 2 * width * block;
                 if (columns)
                   moments_of_columns(elements, width, to, to + width);
                 else
                   moments_of_row(elements.p, strip.depth(block), to[0], to[1]);
               });
               join_moments(strip, partial, count, mean, squares);
               for (int64_t i = 0; i < count; ++i) {
                 at(args.mean)[first + i] = A(mean[i]);
                 at(args.variance)[first + i] = A(squares[i] / double(args.samples * args.inner));
               }
               A* base = partial + sums;
               const ForwardNumbers<A> numbers{base, base + width, base + 2 * width};
               numbers_of(first, count, width / count, numbers);
               for_blocks<A>(strip, __is_same(T, A) ? 0 : 1, [&](int64_t block, A* buffer) {
                 strip.each_run(block, [&](int64_t offset, int64_t n) {
                   normalise(columns, x + offset, out + offset, n, numbers, buffer);
                 });
               });
             });
}

// With g the gradient, d = x - mean and means over the batch:
//   grad_x = weight rstd (g - [mean of g] - d rstd^2 [mean of g d]), what is in brackets only where mean and variance
//   are the batch's.
template <class T>
void batch_norm_backward_as(const BatchNormBackwardArgs& args) {
  using A = Compute<T>;
  const T *x = static_cast<const T*>(args.x), *g = static_cast<const T*>(args.grad_out);
  T* grad_x = static_cast<T*>(args.grad_x);
  const A *mean = static_cast<const A*>(args.mean), *rstd = static_cast<const A*>(args.rstd),
          *weight = static_cast<const A*>(args.weight);
  const bool columns = args.inner < kLeastRun;
  const int64_t each = columns ? larger<int64_t>(kStripColumns / args.inner, 1) : 1;
  const double n_channel = double(args.samples * args.inner);
  for_strips(args.samples, args.channels, args.inner, columns, each,
             [&](const Strip& strip, int64_t first, int64_t count) {
               const int64_t width = strip.width(), repeat = width / count, sums = 2 * width * strip.blocks();
               Workspace memory(size_t(sums + 4 * width) * sizeof(A));
               A* partial = static_cast<A*>(memory.data());
               A* base = partial + sums;
               const BackwardNumbers<A> numbers{base, base + width, base + 2 * width, base + 3 * width};
               __builtin_memcpy(numbers.mean, mean + first, size_t(count) * sizeof(A));
               spread_to_columns(numbers.mean, count, repeat);
               for_blocks<A>(strip, 2, [&](int64_t block, A* buffer) {
                 const Block<A> xs = block_of(strip, block, x, buffer);
                 const Block<A> gs = block_of(strip, block, g, buffer + strip.block_elements());
                 A* to = partial + 2 * width * block;
                 if (columns)
                   sums_of_columns(xs, gs, width, numbers.mean, to, to + width);
                 else
                   sums_of_row(xs.p, gs.p, strip.depth(block), *numbers.mean, to[0], to[1]);
               });
               for (int64_t i = 0; i < count; ++i) {
                 double sum = 0, product = 0;
                 for (int64_t block = 0; block < strip.blocks(); ++block)
                   for (int64_t j = i * repeat; j < (i + 1) * repeat; ++j) {
                     sum += double(partial[2 * width * block + j]);
                     product += double(partial[2 * width * block + width + j]);
                   }
                 const double scale = double(rstd[first + i]);
                 if (args.grad_weight) static_cast<A*>(args.grad_weight)[first + i] = A(product * scale);
                 if (args.grad_bias) static_cast<A*>(args.grad_bias)[first + i] = A(sum);
                 const double slope = weight ? scale * double(weight[first + i]) : scale;
                 numbers.scale[i] = A(slope);
                 numbers.by_x[i] = args.by_batch ? A(-slope * scale * scale * product / n_channel) : A(0);
                 numbers.shift[i] = args.by_batch ? A(-slope * sum / n_channel) : A(0);
               }
               if (!grad_x) return;
               for (int k = 1; k < 4; ++k) spread_to_columns(base + k * width, count, repeat);
               const auto run = columns ? spread_run<true, A> : spread_run<false, A>;
               for_blocks<A>(strip, __is_same(T, A) ? 0 : 2, [&](int64_t block, A* buffer) {
                 strip.each_run(block, [&](int64_t offset, int64_t n) {
                   if constexpr (__is_same(T, A)) {
                     run(x + offset, g + offset, grad_x + offset, n, numbers);
                   } else {
                     load_row(buffer, x + offset, n);
                     load_row(buffer + n, g + offset, n);
                     run(buffer, buffer + n, buffer, n, numbers);
                     store_row(grad_x + offset, buffer, n);
                   }
                 });
               });
             });
}

void batch_norm(const BatchNormArgs& args) {
  with_float(args.dtype, [&]<class T>(T) { batch_norm_as<T>(args); });
}
void batch_norm_backward(const BatchNormBackwardArgs& args) {
  with_float(args.dtype, [&]<class T>(T) { batch_norm_backward_as<T>(args); });
}

}  // namespace hotloop::HOTLOOP_ISA
