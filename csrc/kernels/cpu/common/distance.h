// Distances between rows (kernels/args/distance.h). Forward: the columns of a panel are lanes, so that rows of x2 are
// transposed first, and a tile of rows times vectors stays in registers while k goes by. Backward: lanes lie along k.
#pragma once

#include "core/memory.h"
#include "kernels/args/distance.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/transpose.h"
#include "kernels/cpu/common/vec_math_pow.h"

namespace hotloop::HOTLOOP_ISA {

// Tiles of rows x vectors. Of the 32 (16) registers the forward tile leaves some for a panel's vectors, a broadcast and a
// difference; the backward one keeps x beside its sums.
#if defined(__AVX512F__)
constexpr int kDistanceRows = 6, kDistanceVectors = 4;
constexpr int kSlopeRows = 3, kSlopeVectors = 4;
#else
constexpr int kDistanceRows = 4, kDistanceVectors = 2;
constexpr int kSlopeRows = 2, kSlopeVectors = 2;
#endif
constexpr int64_t kDistanceBlock = 192;  // rows that use a panel once it is transposed; a multiple of all tiles
constexpr int64_t kSlopeBlock = 12;      // rows whose coefficients are made together: of some, a line of cache
constexpr int64_t kDistanceChunkWork = 256 * 1024;  // steps of one element; about 10 us

// What an element adds to a sum, of a and b at k.
struct ByProduct {
  template <class V>
  static V step(V sum, V a, V b, V) {
    return fma(a, b, sum);
  }
};
struct CountDifferent {
  template <class V>
  static V step(V sum, V a, V b, V) {
    return select<V>(a != b, V(sum + Element<V>(1)), sum);
  }
};
struct SumOfSizes {
  template <class V>
  static V step(V sum, V a, V b, V) {
    return sum + abs(V(a - b));
  }
};
struct SumOfSquares {
  template <class V>
  static V step(V sum, V a, V b, V) {
    const V d = a - b;
    return fma(d, d, sum);
  }
};
struct LargestSize {
  template <class V>
  static V step(V sum, V a, V b, V) {
    const V d = abs(V(a - b));
    return select<V>((d > sum) | (d != d), d, sum);
  }
};
struct SumOfPowers {
  template <class V>
  static V step(V sum, V a, V b, V p) {
    return sum + pow(abs(V(a - b)), p);
  }
};

// Rows [0, count) of (rows, k) as lanes: packed[kk] = their elements kk, zero beyond them. Where `norms` is given it gets
// the sum of the squares of each, one chain in the order of k as a tile's; packed may be null.
template <class T>
[[gnu::noinline]] void transpose_rows(const T* rows, int64_t k, int count, T* packed, int64_t packed_step, T* norms) {
  constexpr int L = kLanes<T>;
  Vec<T> squares{};
  for (int64_t kk = 0; kk < k; kk += L) {
    const int width = int(smaller<int64_t>(L, k - kk));
    Vec<T> square[L];
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i)
      square[i] = i >= count ? Vec<T>{} : width == L ? load(rows + i * k + kk) : load_partial(rows + i * k + kk, width);
    transpose<T>(square);
    for (int i = 0; i < width; ++i) {
      squares = fma(square[i], square[i], squares);
      if (packed) store(packed + (kk + i) * packed_step, square[i]);
    }
  }
  if (norms) store(norms, squares);
}

// Rows r[0], ... of x1 against the columns of a panel (k, NV vectors): sums (R, NV vectors).
template <class Op, int R, int NV, class T>
void distance_tile(const T* const* r, const T* panel, int64_t k, T p, T* sums) {
  constexpr int L = kLanes<T>;
  const Vec<T> power = broadcast(p);
  Vec<T> sum[R][NV] = {};
#pragma GCC unroll 1
  for (int64_t kk = 0; kk < k; ++kk, panel += NV * L) {
    Vec<T> b[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) b[v] = load(panel + v * L);
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vec<T> a = broadcast(r[i][kk]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[i][v] = Op::step(sum[i][v], a, b[v], power);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(sums + (i * NV + v) * L, sum[i][v]);
}

// What is compiled for a norm; the walk over tiles is shared.
template <class T>
struct DistanceTiles {
  using Tile = void (*)(const T* const* r, const T* panel, int64_t k, T p, T* sums);
  int rows, vectors;
  Tile tile[2][2];  // of one row or all, one vector or all
  int64_t cost;     // of a step
};
template <class Op, class T>
constexpr DistanceTiles<T> distance_tiles() {
  if constexpr (__is_same(Op, SumOfPowers)) {  // a power fills the registers by itself
    return {1, 1, {{distance_tile<Op, 1, 1, T>}, {}}, 16};
  } else {
    constexpr int R = kDistanceRows, NV = kDistanceVectors;
    return {R,
            NV,
            {{distance_tile<Op, 1, 1, T>, distance_tile<Op, 1, NV, T>},
             {distance_tile<Op, R, 1, T>, distance_tile<Op, R, NV, T>}},
            1};
  }
}

template <class T>
struct DistanceProblem {
  const DistanceArgs& args;
  const DistanceTiles<T> tiles;
  T* norms;  // the squares of the rows of x1, where products are expanded

  static constexpr int L = kLanes<T>;
  static constexpr int kMostSums = kDistanceRows * kDistanceVectors * L;

  Vec<T> distance(Vec<T> sum, T row_norm, const T* column_norms) const {
    if (norms) {
      sum = (row_norm + load(column_norms)) - (sum + sum);
      return sqrt(select<Vec<T>>(sum < T(0), Vec<T>{}, sum));
    }
    if (args.p == 2) return sqrt(sum);
    return args.p == 0 || args.p == 1 || __builtin_isinf(args.p) ? sum : pow(sum, broadcast(T(1 / args.p)));
  }

  // Rows [i, i + rows) of x1 against a panel's columns [j, j + width).
  void run_tile(int64_t b, int64_t i, int rows, const T* panel, const T* column_norms, int64_t j, int width) const {
    const int vectors = width > L ? tiles.vectors : 1;
    const T* r[kDistanceRows];
    for (int t = 0; t < rows; ++t) r[t] = static_cast<const T*>(args.x1) + (b * args.n + i + t) * args.k;
    alignas(64) T sums[kMostSums];
    tiles.tile[rows > 1][vectors > 1](r, panel, args.k, T(args.p), sums);
    for (int t = 0; t < rows; ++t) {
      T* out =
          static_cast<T*>(args.out) + (args.pairs ? pair_place(args.n, i + t, j) : (b * args.n + i + t) * args.m + j);
      const int first =
          args.pairs ? int(larger<int64_t>(i + t + 1 - j, 0)) : 0;  // the columns before it are not wanted
#pragma GCC unroll 1
      for (int v = first / L * L; v < width; v += L) {
        const Vec<T> x =
            distance(load(sums + t * vectors * L + v), norms ? norms[b * args.n + i + t] : T(0), column_norms + v);
        const int lanes = smaller(width - v, L);
        if (v < first) {
          alignas(64) T part[L];
          store(part, x);
          for (int lane = first - v; lane < lanes; ++lane) out[v + lane] = part[lane];
        } else {
          lanes == L ? store(out + v, x) : store_partial(out + v, x, lanes);
        }
      }
    }
  }

  // Rows [begin, end) of x1 against columns [j, j + width) of x2, which are transposed into `packed`.
  void run_panel(int64_t b, int64_t begin, int64_t end, int64_t j, int width, T* packed) const {
    const T* columns = static_cast<const T*>(args.x2) + (b * args.m + j) * args.k;
    const int vectors = width > L ? tiles.vectors : 1;
    alignas(64) T column_norms[kDistanceVectors * L];
    for (int v = 0; v < vectors * L; v += L)
      transpose_rows(columns + smaller(v, width - 1) * args.k, args.k, larger(smaller(width - v, L), 0), packed + v,
                     vectors * L, column_norms + v);
    if (args.pairs) end = smaller(end, j + width - 1);
    int64_t i = begin;
    for (; i + tiles.rows <= end; i += tiles.rows) run_tile(b, i, tiles.rows, packed, column_norms, j, width);
    for (; i < end; ++i) run_tile(b, i, 1, packed, column_norms, j, width);
  }

  void make_norms() const {
    const int64_t rows = args.batch * args.n, per = larger<int64_t>(kDistanceChunkWork / args.k / L, 1) * L;
    for_chunks((rows + per - 1) / per, [&](int64_t chunk) {
      for (int64_t i = chunk * per; i < smaller((chunk + 1) * per, rows); i += L) {
        alignas(64) T lanes[L];
        const int count = int(smaller<int64_t>(L, rows - i));
        transpose_rows<T>(static_cast<const T*>(args.x1) + i * args.k, args.k, count, nullptr, 0, lanes);
        __builtin_memcpy(norms + i, lanes, size_t(count) * sizeof(T));
      }
    });
  }

  void run() const {
    const int64_t width = smaller<int64_t>(tiles.vectors * L, (args.m + L - 1) / L * L), k = larger<int64_t>(args.k, 1);
    const int64_t panels = (args.m + width - 1) / width, blocks = (args.n + kDistanceBlock - 1) / kDistanceBlock;
    const int64_t items = args.batch * blocks * panels;
    const int64_t work = smaller(args.n, kDistanceBlock) * width * k * tiles.cost;
    const int64_t per_chunk = larger<int64_t>(kDistanceChunkWork / work, 1);
    for_chunks((items + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
      Workspace packed(size_t(tiles.vectors * L * k) * sizeof(T));
      for (int64_t i = chunk * per_chunk; i < smaller((chunk + 1) * per_chunk, items); ++i) {
        const int64_t b = i / (blocks * panels), begin = i / panels % blocks * kDistanceBlock, j = i % panels * width;
        if (args.pairs && begin >= j + width - 1) continue;
        run_panel(b, begin, smaller(begin + kDistanceBlock, args.n), j, int(smaller(width, args.m - j)),
                  static_cast<T*>(packed.data()));
      }
    });
  }
};

template <class T>
constexpr DistanceTiles<T> tiles_for(double p, bool expanded) {
  if (p == 0) return distance_tiles<CountDifferent, T>();
  if (p == 1) return distance_tiles<SumOfSizes, T>();
  if (p == 2) return expanded ? distance_tiles<ByProduct, T>() : distance_tiles<SumOfSquares, T>();
  return __builtin_isinf(p) ? distance_tiles<LargestSize, T>() : distance_tiles<SumOfPowers, T>();
}

template <class T>
void distance_as(const DistanceArgs& args) {
  const bool expanded = args.expanded && args.p == 2 && args.k > 0;
  Workspace norms(expanded ? size_t(args.batch * args.n) * sizeof(T) : 0);
  const DistanceProblem<T> problem{args, tiles_for<T>(args.p, expanded),
                                   expanded ? static_cast<T*>(norms.data()) : nullptr};
  if (expanded) problem.make_norms();
  problem.run();
}

void cdist(const DistanceArgs& args) {
  args.dtype == DType::f64 ? distance_as<double>(args) : distance_as<float>(args);
}

// --- backward -----------------------------------------------------------------------------------------
// The slope of a distance along an element, c times what `along` says of the difference d; c is of (i, j) alone.

struct SlopeOfSum {  // p = 1; of no difference 0, of NaN NaN
  template <class V>
  static V along(V c, V d, V, V) {
    return select<V>(abs(d) > V{}, bits_as<V>(bits_of(c) ^ (bits_of(d) & sign_bits<V>())), d);
  }
};
struct SlopeOfLargest {
  template <class V>
  static V along(V c, V d, V distance, V) {
    return select<V>(abs(d) == distance, SlopeOfSum::along(c, d, d, d), select<V>(d == d, V{}, d));
  }
};
struct SlopeOfRoot {  // p = 2
  template <class V>
  static V along(V c, V d, V, V) {
    return c * d;
  }
};
struct SlopeOfPower {
  template <class V>
  static V along(V c, V d, V, V power) {  // power = p - 1
    return SlopeOfSum::along(V(c * pow(abs(d), power)), d, d, d);
  }
};

// Rows [0, R) of x and their sums, elements [0, width) of each: NV vectors, the last of them partial. The coefficients and
// distances are (R, m).
template <class Op, int R, int NV, class T>
void slope_tile(const DistanceBackwardArgs& args, const T* x, const T* other, const T* c, const T* distances, T* grad_x,
                int width) {
  constexpr int L = kLanes<T>;
  const int last = width - (NV - 1) * L;
  const auto part = [&](const T* from, int v) __attribute__((always_inline)) {
    return v < NV - 1 || last == L ? load(from + v * L) : load_partial(from + v * L, last);
  };
  Vec<T> a[R][NV], sum[R][NV] = {};
#pragma GCC unroll 4
  for (int t = 0; t < R; ++t)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) a[t][v] = part(x + t * args.k, v);
  const Vec<T> power = broadcast(T(args.p - 1));
#pragma GCC unroll 1
  for (int64_t j = 0; j < args.m; ++j, other += args.k) {
    Vec<T> y[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) y[v] = part(other, v);
#pragma GCC unroll 4
    for (int t = 0; t < R; ++t) {
      const Vec<T> s = broadcast(c[t * args.m + j]);
      const Vec<T> d = __is_same(Op, SlopeOfLargest) ? broadcast(distances[t * args.m + j]) : Vec<T>{};
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[t][v] += Op::along(s, Vec<T>(a[t][v] - y[v]), d, power);
    }
  }
  for (int t = 0; t < R; ++t, grad_x += args.k)
    for (int v = 0; v < NV; ++v)
      v < NV - 1 || last == L ? store(grad_x + v * L, sum[t][v]) : store_partial(grad_x + v * L, sum[t][v], last);
}

template <class T>
struct SlopeTiles {
  using Tile = void (*)(const DistanceBackwardArgs& args, const T* x, const T* other, const T* c, const T* distances,
                        T* grad_x, int width);
  int rows, vectors;
  Tile tile[2][2];  // of one row or all, one vector or all
  int64_t cost;
};
template <class Op, class T>
constexpr SlopeTiles<T> slope_tiles() {
  if constexpr (__is_same(Op, SlopeOfPower)) {
    return {1, 1, {{slope_tile<Op, 1, 1, T>}, {}}, 16};
  } else {
    constexpr int R = kSlopeRows, NV = kSlopeVectors;
    return {R,
            NV,
            {{slope_tile<Op, 1, 1, T>, slope_tile<Op, 1, NV, T>}, {slope_tile<Op, R, 1, T>, slope_tile<Op, R, NV, T>}},
            1};
  }
}

template <class T>
struct SlopeProblem {
  const DistanceBackwardArgs& args;
  const SlopeTiles<T> tiles;

  // to (rows, m) = rows [i, i + rows) of batch b of grad or of the distances; nothing is between a row and itself.
  void take_rows(const T* from, int64_t b, int64_t i, int rows, T* to) const {
    const int64_t m = args.m;
    const auto take_columns = [&](const T* column, int64_t j) {
      for (int r = 0; r < rows; ++r) to[r * m + j] = column[r];
    };
    if (args.pairs) {
      for (int64_t j = 0; j < i; ++j) take_columns(from + pair_place(m, j, i), j);
      for (int r = 0; r < rows; ++r) {
        T* row = to + r * m;
        for (int64_t j = i; j < i + r; ++j) row[j] = from[pair_place(m, j, i + r)];
        row[i + r] = T(0);
        const int64_t next = i + r + 1;
        __builtin_memcpy(row + next, from + pair_place(m, i + r, next), size_t(m - next) * sizeof(T));
      }
      return;
    }
    from += b * args.n * m + i * args.row;
    if (args.column == 1) {
      __builtin_memcpy(to, from, size_t(rows * m) * sizeof(T));
    } else {
      for (int64_t j = 0; j < m; ++j) take_columns(from + j * args.column, j);
    }
  }

  // Of rows [i, i + rows) of batch b: coefficients and distances, (rows, m).
  void make_coefficients(int64_t b, int64_t i, int rows, T* c, T* distances) const {
    constexpr int L = kLanes<T>;
    const int64_t m = args.m;
    take_rows(static_cast<const T*>(args.grad), b, i, rows, c);
    take_rows(static_cast<const T*>(args.out), b, i, rows, distances);
    if (args.p == 1 || __builtin_isinf(args.p)) return;
    for (int64_t j = 0; j < rows * m; j += L) {
      const int lanes = int(smaller<int64_t>(L, rows * m - j));
      const Vec<T> d = load_partial(distances + j, lanes);
      const Vec<T> divisor = args.p == 2 ? d : pow(d, broadcast(T(args.p - 1)));
      store_partial(c + j, select<Vec<T>>(d == Vec<T>{}, Vec<T>{}, load_partial(c + j, lanes) / divisor), lanes);
    }
  }

  void run_rows(int64_t b, int64_t i, int rows, const T* c, const T* distances) const {
    constexpr int L = kLanes<T>;
    const T* x = static_cast<const T*>(args.x) + (b * args.n + i) * args.k;
    const T* other = static_cast<const T*>(args.other) + b * args.m * args.k;
    T* grad_x = static_cast<T*>(args.grad_x) + (b * args.n + i) * args.k;
    for (int64_t k = 0; k < args.k;) {
      const bool whole = tiles.vectors > 1 && args.k - k >= tiles.vectors * L;
      const int width = whole ? tiles.vectors * L : int(smaller<int64_t>(L, args.k - k));
      tiles.tile[rows > 1][whole](args, x + k, other + k, c, distances, grad_x + k, width);
      k += width;
    }
  }

  void run() const {
    const int64_t blocks = (args.n + kSlopeBlock - 1) / kSlopeBlock, items = args.batch * blocks;
    const int64_t work = smaller(args.n, kSlopeBlock) * (args.m + 1) * args.k * tiles.cost;
    const int64_t per_chunk = larger<int64_t>(kDistanceChunkWork / work, 1);
    for_chunks((items + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
      Workspace memory(size_t(2 * kSlopeBlock * args.m) * sizeof(T));
      T* c = static_cast<T*>(memory.data());
      T* distances = c + kSlopeBlock * args.m;
      for (int64_t item = chunk * per_chunk; item < smaller((chunk + 1) * per_chunk, items); ++item) {
        const int64_t b = item / blocks, begin = item % blocks * kSlopeBlock;
        const int rows = int(smaller(kSlopeBlock, args.n - begin));
        make_coefficients(b, begin, rows, c, distances);
        for (int r = 0; r < rows;) {
          const int together = rows - r >= tiles.rows ? tiles.rows : 1;
          run_rows(b, begin + r, together, c + r * args.m, distances + r * args.m);
          r += together;
        }
      }
    });
  }
};

template <class T>
void distance_backward_as(const DistanceBackwardArgs& args) {
  const SlopeTiles<T> tiles = args.p == 1               ? slope_tiles<SlopeOfSum, T>()
                              : args.p == 2             ? slope_tiles<SlopeOfRoot, T>()
                              : __builtin_isinf(args.p) ? slope_tiles<SlopeOfLargest, T>()
                                                        : slope_tiles<SlopeOfPower, T>();
  SlopeProblem<T>{args, tiles}.run();
}

void cdist_backward(const DistanceBackwardArgs& args) {
  args.dtype == DType::f64 ? distance_backward_as<double>(args) : distance_backward_as<float>(args);
}

}  // namespace hotloop::HOTLOOP_ISA
