// The frame of all reductions (kernels/args/reduce.h): an Op says what is accumulated, this file who reads what.
//
// A team of threads an output (common/rows.h): a warp or a block where the reduced dims step through memory in smaller
// strides than the kept ones, else a column of a block. Long reductions are cut into chunks, whose states go to
// scratch memory and are combined by a second launch; chunks depend on the number of reduced elements and the kind of
// team alone. An Op<A>, which accumulates numbers of type A, has
//   State, none(): the state of no elements;
//   add(state, x[kCount], some): some.at(e) is the index of x[e] within the reduced dims, some.has(e) whether it exists;
//   operator()(State, State): two states as one;
//   finish(state, args, out): writes the result to element `out` of args.out and args.out2.
// Never run on a GPU yet.
#pragma once

#include "kernels/args/reduce.h"
#include "kernels/cuda/common/divide.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"
#include "kernels/cuda/common/rows.h"

namespace hotloop::cuda {

constexpr int kReduceGroup = 16;            // elements of a thread that are loaded together
constexpr int64_t kReduceChunk = 1 << 15;   // elements of a block's chunk: 64 a thread
constexpr int64_t kReduceColumnChunk = 64;  // elements of a thread's chunk of a column
constexpr int64_t kReduceMostChunks = 1024;
constexpr int kCombineHeight = 128;  // threads that combine the chunks of an output, at most

// Dims that an index walks, row-major.
struct ReduceWalk {
  int dims = 0;
  bool wide = false;  // 2^31 elements or more
  int64_t count = 1;
  Divider by[kReduceMaxDims];
  int64_t size[kReduceMaxDims], in_stride[kReduceMaxDims], out_stride[kReduceMaxDims];

  ReduceWalk(const ReduceDim* from, int dims) : dims(dims) {
    for (int d = 0; d < dims; ++d) {
      size[d] = from[d].size;
      in_stride[d] = from[d].in_stride;
      out_stride[d] = from[d].out_stride;
      count *= size[d];
    }
    wide = count > INT32_MAX;
    for (int d = 0; d < dims && !wide; ++d) by[d] = Divider(uint32_t(size[d] > 0 ? size[d] : 1));
  }

  // Calls f(d, position in dim d) for each dim.
  template <class F>
  __device__ __forceinline__ void each(int64_t index, F f) const {
    if (dims == 0) return;
    for (int d = dims - 1; d > 0; --d) {
      if (wide) {
        const int64_t outer = index / size[d];
        f(d, index - outer * size[d]);
        index = outer;
      } else {
        uint32_t rest;
        index = by[d].divide(uint32_t(index), rest);
        f(d, rest);
      }
    }
    f(0, index);
  }
  __device__ __forceinline__ int64_t in_offset(int64_t index) const {
    int64_t offset = 0;
    each(index, [&](int d, int64_t position) { offset += position * in_stride[d]; });
    return offset;
  }
  __device__ __forceinline__ int64_t out_offset(int64_t index) const {
    int64_t offset = 0;
    each(index, [&](int d, int64_t position) { offset += position * out_stride[d]; });
    return offset;
  }
};

// What of ReduceArgs a kernel needs.
struct ReduceProblem {
  ReduceOp op;
  DType out_dtype;
  const void* in;
  void *out, *out2;
  double correction;
  ReduceWalk kept, reduced;
  int64_t chunk;  // reduced elements a block
  bool packed, aligned;

  explicit ReduceProblem(const ReduceArgs& args)
      : op(args.op),
        out_dtype(args.out_dtype),
        in(args.in),
        out(args.out),
        out2(args.out2),
        correction(args.correction),
        kept(args.kept, args.kept_dims),
        reduced(args.reduced, args.reduced_dims) {}
};

// x as element i of an array of the dtype.
template <class A>
__device__ inline void store_as(void* out, DType dtype, int64_t i, A x) {
  switch (dtype) {
    case DType::bool_: static_cast<bool*>(out)[i] = x != A(0); break;
    case DType::u8: static_cast<uint8_t*>(out)[i] = convert<uint8_t>(x); break;
    case DType::i8: static_cast<int8_t*>(out)[i] = convert<int8_t>(x); break;
    case DType::i32: static_cast<int32_t*>(out)[i] = convert<int32_t>(x); break;
    case DType::i64: static_cast<int64_t*>(out)[i] = convert<int64_t>(x); break;
    case DType::f16: static_cast<half_t*>(out)[i] = convert<half_t>(x); break;
    case DType::bf16: static_cast<bfloat16_t*>(out)[i] = convert<bfloat16_t>(x); break;
    case DType::f32: static_cast<float*>(out)[i] = convert<float>(x); break;
    case DType::f64: static_cast<double*>(out)[i] = convert<double>(x); break;
  }
}

// Elements of pack k of a share, from `first` on; kAll: all exist.
template <int P, bool kAll>
struct SomeOfShare {
  const Share& share;
  int64_t begin, k;
  int first;

  __device__ __forceinline__ bool has(int e) const { return kAll || share.has<P>(k, first + e); }
  __device__ __forceinline__ int64_t at(int e) const { return begin + share.index<P>(k, first + e); }
};

// `partial` is (chunks, outputs); null: there is one chunk.
template <class T, class Op>
__global__ void __launch_bounds__(kTeamThreads, 1)
    reduce_teams(ReduceProblem p, Op op, Team team, typename Op::State* partial) {
  using A = typename Op::Number;
  constexpr int P = Pack<T>::count, kGroup = kReduceGroup / P, kAdded = P < 4 ? P : 4;
  const int64_t output = team.row(), begin = blockIdx.y * p.chunk;
  const bool exists = output < p.kept.count;
  const int64_t n = p.reduced.count - begin < p.chunk ? p.reduced.count - begin : p.chunk;
  const Share share = {exists ? n : 0, team.rank(), team.size(), p.packed};
  const T* in = static_cast<const T*>(p.in) + (exists ? p.kept.in_offset(output) : 0);

  // Elements are added kAdded at a time, whichever way they are loaded.
  typename Op::State state = op.none();
  if (p.aligned) {
    for (int64_t k = 0; share.has<P>(k); k += kGroup) {
      Pack<T> packs[kGroup];
#pragma unroll
      for (int g = 0; g < kGroup; ++g) {
        if (share.has<P>(k + g)) packs[g] = load_pack<P>(in + p.reduced.in_offset(begin + share.index<P>(k + g, 0)));
      }
#pragma unroll
      for (int g = 0; g < kGroup; ++g) {
        if (!share.has<P>(k + g)) break;
#pragma unroll
        for (int first = 0; first < P; first += kAdded) {
          A x[kAdded];
#pragma unroll
          for (int e = 0; e < kAdded; ++e) x[e] = op.number(packs[g].x[first + e]);
          op.add(state, x, SomeOfShare<P, true>{share, begin, k + g, first});
        }
      }
    }
  } else {
    for (int64_t k = 0; share.has<P>(k); ++k) {
#pragma unroll 1
      for (int first = 0; first < P; first += kAdded) {
        const SomeOfShare<P, false> some{share, begin, k, first};
        A x[kAdded];
#pragma unroll
        for (int e = 0; e < kAdded; ++e) x[e] = some.has(e) ? op.number(in[p.reduced.in_offset(some.at(e))]) : A(0);
        op.add(state, x, some);
      }
    }
  }
  state = team.reduce(state, op, op.none());
  if (team.rank() != 0 || !exists) return;
  if (partial) {
    partial[blockIdx.y * p.kept.count + output] = state;
  } else {
    op.finish(state, p, p.kept.out_offset(output));
  }
}

template <class Op>
__global__ void __launch_bounds__(kTeamThreads, 1)
    combine_chunks(ReduceProblem p, Op op, const typename Op::State* partial, int64_t chunks) {
  const Team team{true};
  const int64_t output = team.row();
  const bool exists = output < p.kept.count;
  typename Op::State state = op.none();
  for (int64_t i = team.rank(); exists && i < chunks; i += team.size()) {
    state = op(state, partial[i * p.kept.count + output]);
  }
  state = team.reduce(state, op, op.none());
  if (team.rank() == 0 && exists) op.finish(state, p, p.kept.out_offset(output));
}

// --- on the host ------------------------------------------------------------------------------------

inline int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

// Whether packs of 16 bytes along the innermost reduced dim are whole and aligned for every output.
inline bool packs_are_aligned(const ReduceArgs& args, int64_t pack) {
  bool aligned = aligned_for_packs(static_cast<const char*>(args.in));
  for (int d = 0; d < args.kept_dims; ++d) aligned = aligned && args.kept[d].in_stride % pack == 0;
  for (int d = 0; d + 1 < args.reduced_dims; ++d) aligned = aligned && args.reduced[d].in_stride % pack == 0;
  return aligned;
}

template <class T, class Op>
void reduce_by(const ReduceArgs& args, const Op& op, GpuStream stream) {
  constexpr int64_t P = Pack<T>::count;
  ReduceProblem p(args);
  const int64_t outputs = p.kept.count, n = p.reduced.count;
  if (outputs == 0) return;
  const ReduceDim one = {1, 0, 0};
  const ReduceDim& inner = args.reduced_dims ? args.reduced[args.reduced_dims - 1] : one;
  const ReduceDim& beside = args.kept_dims ? args.kept[args.kept_dims - 1] : one;
  const bool column = args.kept_dims && magnitude(beside.in_stride) < magnitude(inner.in_stride);
  TeamPlan plan = plan_teams(outputs, n, sizeof(T), kReduceGroup / P, column);
  p.packed = !plan.team.column && inner.in_stride == 1 && inner.size % P == 0;
  p.aligned = p.packed && packs_are_aligned(args, P);
  // Few columns: the block's threads that they leave go down them.
  if (plan.team.column && beside.size < kWarpSize) {
    while (plan.block.y * kReduceGroup < n && 2 * plan.block.x * plan.block.y <= kTeamThreads) plan.block.y *= 2;
  }
  p.chunk = plan.team.column ? plan.block.y * kReduceColumnChunk : kReduceChunk;
  while (p.chunk * kReduceMostChunks < n) p.chunk *= 2;
  const int64_t chunks = n > p.chunk ? blocks_for(n, p.chunk) : 1;
  plan.grid.y = unsigned(chunks);

  const gpu::Scratch scratch(chunks > 1 ? size_t(chunks * outputs) * sizeof(typename Op::State) : 0,
                             gpu::current_device(), stream);
  auto* partial = scratch.data<typename Op::State>();
  launch(stream, plan.grid, plan.block, 0, reduce_teams<T, Op>, p, op, plan.team, partial);
  if (chunks == 1) return;
  int64_t height = 1;
  while (height < chunks && height < kCombineHeight) height *= 2;
  const int64_t width = outputs < kTeamThreads / height ? outputs : kTeamThreads / height;
  launch(stream, blocks_for(outputs, width), dim3(unsigned(width), unsigned(height)), 0, combine_chunks<Op>, p, op,
         partial, chunks);
}

}  // namespace hotloop::cuda

namespace hotloop::sm80 {

// Each for its ops of ReduceOp.
void reduce_sums(const ReduceArgs& args, GpuStream stream);      // sum, mean, norm2, prod
void reduce_extremes(const ReduceArgs& args, GpuStream stream);  // max, min, argmax, argmin, any, all
void reduce_moments(const ReduceArgs& args, GpuStream stream);   // var, logsumexp

}  // namespace hotloop::sm80
