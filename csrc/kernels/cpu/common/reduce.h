// reduce(): picks accumulator, rows or columns, and cuts the outputs into chunks.
#pragma once

#include "kernels/cpu/common/reduce_arg.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kReduceChunkWork = 32 * 1024;  // elements a chunk of outputs reads; about 5 us
template <class A>
constexpr int kRunOutputs = 1024 / int(sizeof(A));  // the most of a run; a strip of columns is less
constexpr int kMinColumns = 4;                      // fewer neighbouring outputs are gathered as rows

// Outputs [first, first + count) along the innermost kept dim at one position of the others.
struct OutputRun {
  const char* in;
  int64_t in_stride, out_offset, out_stride;
  int count;
};

template <class A>
void store_run(void* out, DType dtype, const OutputRun& run, const A* values) {
  store_results(dtype, out, run.out_offset, run.out_stride, values, run.count);
}

template <class A>
void reduce_run(const ReduceArgs& args, const ReduceSource<A>& source, const OutputRun& run) {
  alignas(64) A result[kRunOutputs<A>];
  [[maybe_unused]] alignas(64) A constant[kRunOutputs<A>];
  const double n = double(source.n) * double(source.outer);
  const auto pass = [&]<class Op>(Op) {
    static constexpr TreeOp<A> op = tree_op<Op, A>();
    reduce_pass(op, source, run.in, run.in_stride, run.count, constant, result);
  };
  const auto extremes = [&]<bool kMax>(__attribute__((unused)) Extreme<A, kMax> op) {
    int64_t indices[kRunOutputs<A>];
    if (source.columns) {
      find_extreme_of_columns<kMax>(source, run.in, run.count, result, indices);
    } else {
      for (int i = 0; i < run.count; ++i) {
        const IndexedValue<A> found = find_extreme_of_row<kMax>(source, source.at(run.in, i * run.in_stride));
        result[i] = found.value;
        indices[i] = found.index;
      }
    }
    const bool values = args.op == ReduceOp::max || args.op == ReduceOp::min;
    store_run(values ? args.out2 : args.out, DType::i64, run, indices);
    if (values) store_run(args.out, args.out_dtype, run, result);
  };
  switch (args.op) {
    case ReduceOp::argmax: return extremes(Extreme<A, true>{});
    case ReduceOp::argmin: return extremes(Extreme<A, false>{});
    case ReduceOp::max:
      if (args.out2) return extremes(Extreme<A, true>{});
      pass(Extreme<A, true>{});
      break;
    case ReduceOp::any:
      pass(Extreme<A, true>{});
      for (int i = 0; i < run.count; ++i) result[i] = result[i] > A(0);  // of no elements: the least A
      break;
    case ReduceOp::min:
      if (args.out2) return extremes(Extreme<A, false>{});
      [[fallthrough]];
    case ReduceOp::all: pass(Extreme<A, false>{}); break;
    default: break;
  }
  if constexpr (!__is_same(A, int32_t)) {
    if (args.op == ReduceOp::sum || args.op == ReduceOp::mean) pass(Sum<A>{});
    if (args.op == ReduceOp::prod) pass(Prod<A>{});
    if (args.op == ReduceOp::sum)
      for (int i = 0; i < run.count; ++i) result[i] += A(0);  // -0 becomes 0, whatever the path
    if (args.op == ReduceOp::mean)
      for (int i = 0; i < run.count; ++i) result[i] = result[i] / A(n);
  }
  if constexpr (__is_same(A, float) || __is_same(A, double)) {
    if (args.op == ReduceOp::nansum) {
      pass(SumNumbers<A>{});
      for (int i = 0; i < run.count; ++i) result[i] += A(0);
    }
    if (args.op == ReduceOp::norm2) {
      pass(SumSquares<A>{});
      for (int i = 0; i < run.count; ++i) result[i] = A(__builtin_sqrt(result[i]));
    }
    if (args.op == ReduceOp::logsumexp) {
      pass(Extreme<A, true>{});
      // An infinite maximum is not subtracted: inf - inf would be NaN.
      for (int i = 0; i < run.count; ++i) constant[i] = __builtin_isinf(result[i]) ? A(0) : result[i];
      pass(SumExp<A>{});
      for (int i = 0; i < run.count; ++i) result[i] = A(__builtin_log(result[i])) + constant[i];
    }
    if (args.op == ReduceOp::var) {
      pass(Sum<A>{});
      for (int i = 0; i < run.count; ++i) constant[i] = result[i] / A(n);
      pass(SumCentredSquares<A>{});
      const double divisor = n - args.correction;
      for (int i = 0; i < run.count; ++i) result[i] = result[i] / A(divisor > 0 ? divisor : 0);
      if (args.out2) store_run(args.out2, args.out_dtype, run, constant);
    }
  }
  store_run(args.out, args.out_dtype, run, result);
}

template <class A>
void reduce_as(const ReduceArgs& args, int64_t itemsize, bool same_type, BlockLoader<A> load) {
  const ReduceDim one{1, 1, 1};
  const ReduceDim& inner = args.reduced_dims ? args.reduced[args.reduced_dims - 1] : one;
  ReduceSource<A> source{
      itemsize, load, same_type, false, inner.size, inner.in_stride, 1, args.reduced, larger(args.reduced_dims - 1, 0),
      false};
  for (int i = 0; i < source.outer_count; ++i) source.outer *= args.reduced[i].size;

  const ReduceDim& last = args.kept_dims ? args.kept[args.kept_dims - 1] : one;
  source.columns = last.in_stride == 1 && last.size >= kMinColumns && (inner.in_stride != 1 || inner.size == 1) &&
                   source.n * source.outer > 0;
  int64_t positions = 1;
  for (int i = 0; i < args.kept_dims - 1; ++i) positions *= args.kept[i].size;
  if (positions * last.size == 0) return;

  const int64_t work = larger<int64_t>(source.n * source.outer, 1);
  source.far = positions * last.size * work * itemsize > second_cache_bytes();
  const int64_t rows = larger<int64_t>(kReduceChunkWork / work / kTreeRows * kTreeRows, 1);
  const int64_t strip = source.columns ? kStrip<A> : smaller<int64_t>(kRunOutputs<A>, rows);
  const int64_t runs = (last.size + strip - 1) / strip;  // per position
  const int64_t total = positions * runs;
  const int64_t run_work = smaller(strip, last.size) * work;
  const int64_t per_chunk = larger<int64_t>(kReduceChunkWork / run_work, 1);
  const bool small = total * run_work < 2 * kReduceChunkWork;
  const int64_t chunks = small ? 1 : (total + per_chunk - 1) / per_chunk;
  for_chunks(chunks, [&](int64_t chunk) {
    const int64_t begin = small ? 0 : chunk * per_chunk;
    const int64_t end = small ? total : smaller(begin + per_chunk, total);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t start = i % runs * strip;
      OutputRun run{nullptr, last.in_stride, start * last.out_stride, last.out_stride,
                    int(smaller(strip, last.size - start))};
      int64_t in_offset = start * last.in_stride, position = i / runs;
      for (int d = args.kept_dims - 2; d >= 0; --d) {
        const int64_t index = position % args.kept[d].size;
        position /= args.kept[d].size;
        in_offset += index * args.kept[d].in_stride;
        run.out_offset += index * args.kept[d].out_stride;
      }
      run.in = static_cast<const char*>(args.in) + in_offset * itemsize;
      reduce_run(args, source, run);
    }
  });
}

void reduce(const ReduceArgs& args) {
  const DType dtype = args.dtype;
  const int64_t itemsize = dtype <= DType::i8                            ? 1
                           : dtype == DType::i32 || dtype == DType::f32  ? 4
                           : dtype == DType::f16 || dtype == DType::bf16 ? 2
                                                                         : 8;
  if (args.op == ReduceOp::any || args.op == ReduceOp::all)
    return reduce_as<int32_t>(args, itemsize, false, i32_loader<true>(dtype));
  int64_t n = 1;
  for (int i = 0; i < args.reduced_dims; ++i) n *= args.reduced[i].size;
  if (args.op == ReduceOp::prod && dtype >= DType::f16 && dtype != DType::f64 && n > kTreeBlock)
    return reduce_as<double>(args, itemsize, false, loader<double>(dtype));
  switch (dtype) {
    case DType::f64: return reduce_as<double>(args, itemsize, true, loader<double>(dtype));
    case DType::f32: return reduce_as<float>(args, itemsize, true, loader<float>(dtype));
    case DType::f16:
    case DType::bf16: return reduce_as<float>(args, itemsize, false, loader<float>(dtype));
    case DType::i64: return reduce_as<int64_t>(args, itemsize, true, loader<int64_t>(dtype));
    default: break;
  }
  if (args.op == ReduceOp::sum || args.op == ReduceOp::prod)
    return reduce_as<int64_t>(args, itemsize, false, loader<int64_t>(dtype));
  reduce_as<int32_t>(args, itemsize, dtype == DType::i32, loader<int32_t>(dtype));
}

}  // namespace hotloop::HOTLOOP_ISA
