// Pointwise kernels over strides. The problem is cut into tiles of the two dimensions that matter: the innermost,
// which the loop runs along, and beside it the one along which a transposed input is dense. An input that is dense
// along the innermost dimension is read where it lies; any other is first brought into a buffer in L1, so that one
// loop a row and dtype is enough. Copies are driven the same way.
#pragma once

#include "core/parallel.h"
#include "kernels/cpu/common/pointwise_drive.h"
#include "kernels/cpu/common/stream.h"
#include "kernels/cpu/common/transpose_tile.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kStageBytes = 16384;   // a buffer: with three inputs and the output still in L1 and L2
constexpr int64_t kRowElements = 16384;  // columns of a tile that needs no buffer
constexpr int64_t kShortRow = 64;        // rows below this are joined into longer ones
static_assert(kRowElements / kShortRow * kSplatBytes <= kStageBytes, "a splat for each row of a tile");
constexpr int64_t kChunkElements = 1 << 15;  // elements a chunk of parallel work has at least
constexpr int64_t kLeastRunStreamed = 512;   // bytes: of shorter runs too much are parts of lines

struct StridedTile {
  const PointwiseArgs* args;
  PointwiseSpec spec;
  int inner, beside;   // dimensions; beside is -1 where there is one dimension only
  int64_t cols, rows;  // their sizes
  int64_t tile_cols, tile_rows;
  int64_t col_tiles, row_tiles, tiles;
  int64_t tiles_per_chunk;
  bool joined;    // out is dense over both: a tile is one row of tile_rows * cols elements
  bool streamed;  // results are stored around the caches
  bool down;      // tiles follow each other down the rows, not along the columns
};

template <class F>
inline void with_unit(int size, F&& f) {
  switch (size) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(int32_t{});
    default: return f(int64_t{});
  }
}

// to[c] = from[-c], a vector at a time.
template <class T>
inline void reverse_row(const T* from, T* to, int64_t cols) {
  constexpr int lanes = kVectorBytes / int(sizeof(T));
  typedef T Block __attribute__((vector_size(kVectorBytes)));
  Block order;
  for (int i = 0; i < lanes; ++i) order[i] = T(lanes - 1 - i);
  int64_t c = 0;
  for (; c + lanes <= cols; c += lanes) {
    Block x;
    __builtin_memcpy(&x, from - c - (lanes - 1), sizeof x);
    x = __builtin_shuffle(x, order);
    __builtin_memcpy(to + c, &x, sizeof x);
  }
  for (; c < cols; ++c) to[c] = from[-c];
}

// to[i * times + j] = from[i]: each vector of `from` fills `times` of them.
template <class T>
inline void repeat_each(const T* from, T* to, int64_t n, int times) {
  constexpr int lanes = kVectorBytes / int(sizeof(T));
  typedef T Block __attribute__((vector_size(kVectorBytes)));
  Block order[lanes];
  for (int j = 0; j < times; ++j)
    for (int i = 0; i < lanes; ++i) order[j][i] = T((j * lanes + i) / times);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    Block x;
    __builtin_memcpy(&x, from + i, sizeof x);
    for (int j = 0; j < times; ++j, to += lanes) {
      const Block repeated = __builtin_shuffle(x, order[j]);
      __builtin_memcpy(to, &repeated, sizeof repeated);
    }
  }
  for (; i < n; ++i)
    for (int j = 0; j < times; ++j) *to++ = from[i];
}

// to[r][c] = from[r * row_stride + c * col_stride], to dense with rows of to_stride elements.
template <class T>
inline void gather_tile(const T* from, int64_t row_stride, int64_t col_stride, T* to, int64_t to_stride, int64_t rows,
                        int64_t cols) {
  if (row_stride == 1 && rows > 1 && col_stride != 0)
    return transpose_tile(from, col_stride, to, to_stride, rows, cols);
  if constexpr (sizeof(T) >= 4) {
    constexpr int lanes = kVectorBytes / int(sizeof(T));
    if (row_stride == 1 && col_stride == 0 && to_stride == cols && cols <= lanes)
      return repeat_each(from, to, rows, int(cols));
  }
  for (int64_t r = 0; r < rows; ++r) {
    const T* f = from + r * row_stride;
    T* t = to + r * to_stride;
    if (col_stride == 0) {
      const T x = *f;
      for (int64_t c = 0; c < cols; ++c) t[c] = x;
    } else if (col_stride == 1) {
      __builtin_memcpy(t, f, size_t(cols) * sizeof(T));
    } else if (col_stride == -1) {
      reverse_row(f, t, cols);
    } else {
      for (int64_t c = 0; c < cols; ++c) t[c] = f[c * col_stride];
    }
  }
}
template <class T>
inline void scatter_tile(const T* from, int64_t from_stride, T* to, int64_t row_stride, int64_t col_stride,
                         int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) to[r * row_stride + c * col_stride] = from[r * from_stride + c];
}

// The buffers of one thread, and what an input's buffer holds while its source stays the same.
struct Stage {
  alignas(64) char bytes[kPointwiseInputs + 1][kStageBytes];
  const void* held[kPointwiseInputs] = {};
  int64_t held_elements[kPointwiseInputs] = {};
};

// Moves a tile of the one input to its place in out: through a buffer where it is gathered to be streamed, or where a
// transposed one's vectors would lie across lines.
inline void move_tile(const StridedTile& t, Stage& stage, char* out, const char* in, int64_t rows, int64_t cols) {
  const PointwiseArgs& args = *t.args;
  const int64_t out_col = args.out_strides[t.inner], out_row = t.beside < 0 ? 0 : args.out_strides[t.beside];
  const int64_t col = args.in_strides[0][t.inner], row = t.beside < 0 ? 0 : args.in_strides[0][t.beside];
  with_unit(t.spec.out_size, [&](auto unit) {
    using T = decltype(unit);
    constexpr int64_t size = sizeof(T);
    const bool aligned = ((uintptr_t(out) | uintptr_t(out_row * size)) & (kVectorBytes - 1)) == 0;
    if (out_col == 1 && col == 1 && t.streamed) {
      for (int64_t r = 0; r < rows; ++r) move_run(out + r * out_row * size, in + r * row * size, cols * size, true);
    } else if (out_col == 1 && col != 1 && (t.streamed || (row == 1 && rows > 1 && !aligned))) {
      char* buffer = stage.bytes[0];
      gather_tile((const T*)in, row, col, (T*)buffer, cols, rows, cols);
      const int64_t run = out_row == cols ? rows * cols : cols;
      for (int64_t r = 0; r * run < rows * cols; ++r)
        move_run(out + r * out_row * size, buffer + r * run * size, run * size, t.streamed);
    } else if (out_col == 1) {
      gather_tile((const T*)in, row, col, (T*)out, out_row, rows, cols);
    } else {
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c) ((T*)out)[r * out_row + c * out_col] = ((const T*)in)[r * row + c * col];
    }
  });
}

// kSplatBytes of each row's one element.
inline void splat_rows(int size, const char* from, int64_t row_stride, char* to, int64_t rows) {
  with_unit(size, [&](auto unit) {
    using T = decltype(unit);
    constexpr int lanes = int(kSplatBytes / int64_t(sizeof(T)));
    for (int64_t r = 0; r < rows; ++r)
      for (int i = 0; i < lanes; ++i) ((T*)to)[r * lanes + i] = ((const T*)from)[r * row_stride];
  });
}

inline void run_tile(const StridedTile& t, Stage& stage, char* out, const char* const* in, int64_t rows, int64_t cols) {
  if (t.spec.loop == nullptr) return move_tile(t, stage, out, in[0], rows, cols);
  const PointwiseArgs& args = *t.args;
  const char* at[kPointwiseInputs];
  int64_t step[kPointwiseInputs], masks[kPointwiseInputs];
  for (int k = 0; k < t.spec.inputs; ++k) {
    const int size = t.spec.in_sizes[k];
    const int64_t col = args.in_strides[k][t.inner];
    const int64_t row = t.beside < 0 ? 0 : args.in_strides[k][t.beside];
    masks[k] = -1;
    if (col == 1 && (!t.joined || row == cols || rows == 1)) {
      at[k] = in[k];
      step[k] = row * size;
      continue;
    }
    // The same row for all: one copy serves, now and in later tiles of the same source.
    const bool same_rows = row == 0 && !t.joined, constant_tile = row == 0;
    if (t.spec.splats && col == 0 && (row == 0 || !t.joined)) {
      char* buffer = stage.bytes[k];
      at[k] = buffer;
      step[k] = row == 0 ? 0 : kSplatBytes;
      masks[k] = 0;
      if (constant_tile && stage.held[k] == in[k]) continue;
      splat_rows(size, in[k], row, buffer, row == 0 ? 1 : rows);
      stage.held[k] = constant_tile ? in[k] : nullptr;
      continue;
    }
    const int64_t copies = same_rows ? 1 : rows;
    char* buffer = stage.bytes[k];
    at[k] = buffer;
    step[k] = same_rows ? 0 : cols * size;
    if (constant_tile && stage.held[k] == in[k] && stage.held_elements[k] >= copies * cols) continue;
    with_unit(size, [&](auto unit) {
      using T = decltype(unit);
      gather_tile((const T*)in[k], row, col, (T*)buffer, cols, copies, cols);
    });
    stage.held[k] = constant_tile ? in[k] : nullptr;
    stage.held_elements[k] = copies * cols;
  }
  const int64_t out_col = args.out_strides[t.inner];
  const int64_t out_row = t.beside < 0 ? 0 : args.out_strides[t.beside];
  const int size = t.spec.out_size;
  if (t.joined) {
    const void* inputs[kPointwiseInputs] = {at[0], at[1], at[2]};
    return t.spec.loop(out, inputs, masks, rows * cols, args);
  }
  char* result = out_col == 1 ? out : stage.bytes[kPointwiseInputs];
  const int64_t result_step = out_col == 1 ? out_row * size : cols * size;
  for (int64_t r = 0; r < rows; ++r) {
    const void* inputs[kPointwiseInputs];
    for (int k = 0; k < t.spec.inputs; ++k) inputs[k] = at[k] + r * step[k];
    t.spec.loop(result + r * result_step, inputs, masks, cols, args);
  }
  if (out_col != 1) {
    with_unit(size, [&](auto unit) {
      using T = decltype(unit);
      scatter_tile((const T*)result, cols, (T*)out, out_row, out_col, rows, cols);
    });
  }
}

inline void run_tiles(const StridedTile& t, int64_t begin, int64_t end) {
  const PointwiseArgs& args = *t.args;
  Stage stage;
  for (int64_t tile = begin; tile < end; ++tile) {
    int64_t rest = tile;
    int64_t col_tile = rest % t.col_tiles, row_tile = rest / t.col_tiles % t.row_tiles;
    if (t.down) row_tile = rest % t.row_tiles, col_tile = rest / t.row_tiles % t.col_tiles;
    const int64_t col = col_tile * t.tile_cols, row = row_tile * t.tile_rows;
    rest /= t.col_tiles * t.row_tiles;
    int64_t index[kPointwiseDims];
    for (int d = args.ndim - 1; d >= 0; --d) {
      if (d == t.inner) {
        index[d] = col;
      } else if (d == t.beside) {
        index[d] = row;
      } else {
        index[d] = rest % args.sizes[d];
        rest /= args.sizes[d];
      }
    }
    char* out = (char*)args.out;
    const char* in[kPointwiseInputs] = {};
    for (int d = 0; d < args.ndim; ++d) out += index[d] * args.out_strides[d] * t.spec.out_size;
    for (int k = 0; k < t.spec.inputs; ++k) {
      in[k] = (const char*)args.in[k];
      for (int d = 0; d < args.ndim; ++d) in[k] += index[d] * args.in_strides[k][d] * t.spec.in_sizes[k];
    }
    const int64_t rows = t.rows - row < t.tile_rows ? t.rows - row : t.tile_rows;
    const int64_t cols = t.cols - col < t.tile_cols ? t.cols - col : t.tile_cols;
    run_tile(t, stage, out, in, rows, cols);
  }
  if (t.streamed) stores_done();
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct DenseRun {
  const PointwiseArgs* args;
  PointwiseSpec spec;
  bool streamed;
};

inline void drive_dense(DenseRun run) {
  parallel_run(
      ceil_div(run.args->sizes[0], kChunkElements),
      [](void* context, int64_t chunk) {
        const auto& [args, spec, streamed] = *(const DenseRun*)context;
        const int64_t begin = chunk * kChunkElements, rest = args->sizes[0] - begin;
        const void* in[kPointwiseInputs] = {};
        for (int k = 0; k < spec.inputs; ++k) in[k] = (const char*)args->in[k] + begin * spec.in_sizes[k];
        char* out = (char*)args->out + begin * spec.out_size;
        spec.loop(out, in, kAllDense, rest < kChunkElements ? rest : kChunkElements, *args);
        if (streamed) stores_done();
      },
      &run);
}

// Whether results are stored around the caches: all in lines of out's own, in runs that are no mere parts of lines.
inline bool is_streamed(const PointwiseArgs& args, const PointwiseSpec& spec, int64_t elements) {
  if (spec.loop && !spec.streamed_loop) return false;
  if (args.out_strides[args.ndim - 1] != 1) return false;
  if (!args.dense && args.sizes[args.ndim - 1] * spec.out_size < kLeastRunStreamed) return false;
  const void* in[kPointwiseInputs] = {};
  for (int k = 0; k < spec.inputs; ++k) in[k] = args.in[k];
  return is_streamed(args.out, elements, spec.out_size, in[0], in[1], in[2]);
}

void drive(const PointwiseArgs& args, const PointwiseSpec& given) {
  if (args.ndim == 0) {
    PointwiseArgs one = args;
    one.ndim = 1;
    one.sizes[0] = one.out_strides[0] = one.in_strides[0][0] = one.in_strides[1][0] = one.in_strides[2][0] = 1;
    return drive(one, given);
  }
  int64_t elements = 1;
  for (int d = 0; d < args.ndim; ++d) elements *= args.sizes[d];
  if (elements == 0) return;

  PointwiseSpec spec = given;
  const bool streamed = is_streamed(args, spec, elements);
  if (streamed) spec.loop = spec.streamed_loop;
  if (args.dense && spec.loop) return drive_dense({&args, spec, streamed});

  StridedTile t;
  t.args = &args;
  t.spec = spec;
  t.inner = args.ndim - 1;
  t.beside = args.ndim - 2;
  int widest = spec.out_size;
  bool staged = args.out_strides[t.inner] != 1, transposed = false;
  for (int k = 0; k < spec.inputs; ++k) {
    if (spec.in_sizes[k] > widest) widest = spec.in_sizes[k];
    const int64_t stride = args.in_strides[k][t.inner];
    if (stride == 1 || (stride == 0 && spec.splats)) continue;
    staged = true;
    if (stride == 0) continue;
    for (int d = 0; d < t.inner; ++d) {
      if (args.in_strides[k][d] == 1 && args.sizes[d] > 1) {
        t.beside = d;
        transposed = true;
      }
    }
  }
  t.cols = args.sizes[t.inner];
  t.rows = t.beside < 0 ? 1 : args.sizes[t.beside];
  const int64_t stage_elements = kStageBytes / widest;
  t.joined = t.cols < kShortRow && t.rows > 1 && args.out_strides[t.inner] == 1 && args.out_strides[t.beside] == t.cols;
  t.streamed = streamed;
  t.down = false;
  if (t.joined) {
    t.tile_cols = t.cols;
    t.tile_rows = stage_elements / t.cols;
  } else if (transposed) {
    // One cache line of each column of the transposed input, and rows long enough to be prefetched: of the shapes from
    // 16 x 64 to 128 x 128, 16 x 256 in f32 was the fastest by a fifth.
    // Moved around the caches, 16 x 64 is, in the order in which the input lies (627 us, others 664 to 731).
    t.down = streamed && !spec.loop;
    t.tile_rows = kLineBytes / widest;
    t.tile_cols = t.down ? 4 * t.tile_rows : stage_elements / t.tile_rows;
  } else {
    t.tile_cols = staged ? stage_elements : kRowElements;
    t.tile_rows = t.cols < t.tile_cols ? (staged ? stage_elements : kRowElements) / t.cols : 1;
  }
  t.col_tiles = ceil_div(t.cols, t.tile_cols);
  t.row_tiles = ceil_div(t.rows, t.tile_rows);
  t.tiles = elements / (t.cols * t.rows) * t.col_tiles * t.row_tiles;
  if (elements <= kSerialElements) return run_tiles(t, 0, t.tiles);

  t.tiles_per_chunk = ceil_div(kChunkElements * t.tiles, elements);
  parallel_run(
      ceil_div(t.tiles, t.tiles_per_chunk),
      [](void* context, int64_t chunk) {
        const auto& tiled = *(const StridedTile*)context;
        const int64_t begin = chunk * tiled.tiles_per_chunk, end = begin + tiled.tiles_per_chunk;
        run_tiles(tiled, begin, end < tiled.tiles ? end : tiled.tiles);
      },
      &t);
}

}  // namespace hotloop::HOTLOOP_ISA
