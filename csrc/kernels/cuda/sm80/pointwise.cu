// Pointwise ops by dtype, and `where`, which moves elements whole, whatever they mean. Bound: memory. Never run on a
// GPU yet.
#include "kernels/cuda/common/elements.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

void pointwise_f32(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_f64(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_f16(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_bf16(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_i64(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_i32(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_i8(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_u8(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);
void pointwise_bool(PointwiseOp op, const PointwiseArgs& args, GpuStream stream);

namespace {

template <class U>
struct Selection {
  U* out;
  const bool* condition;
  const U* in[2];  // yes, no
  U number[2];     // in their place, where they lie in host memory
  uint8_t host_inputs;
  bool chosen;  // condition, where it lies there
  Places places;
};

template <class U>
__global__ void __launch_bounds__(kElementThreads) where_kernel(const __grid_constant__ Selection<U> x) {
  constexpr int kEach = kPackCount<U>;
  const Places& p = x.places;
  const int64_t first = int64_t(blockIdx.x) * blockDim.x * kEach + threadIdx.x;
  for (int i = 0; i < kEach; ++i) {
    const int64_t element = first + int64_t(i) * blockDim.x;
    if (element >= p.count) return;
    Offsets<3> at{element, {element, element, element}};
    if (!p.dense) {
      at = offsets_of<3>(p, element);
    } else {
      for (int k = 0; k < 3; ++k)
        if (p.numbers >> k & 1) at.in[k] = 0;
    }
    const bool yes = x.host_inputs & 1 ? x.chosen : x.condition[at.in[0]];
    const int k = yes ? 0 : 1;
    x.out[at.out] = x.host_inputs >> (1 + k) & 1 ? x.number[k] : x.in[k][at.in[1 + k]];
  }
}

template <class U>
void where(const PointwiseArgs& args, GpuStream stream) {
  Selection<U> x;
  x.out = static_cast<U*>(args.out);
  x.condition = static_cast<const bool*>(args.in[0]);
  x.host_inputs = args.host_inputs;
  x.chosen = args.host_inputs & 1 ? *x.condition : false;
  for (int k = 0; k < 2; ++k) {
    x.in[k] = static_cast<const U*>(args.in[1 + k]);
    x.number[k] = args.host_inputs >> (1 + k) & 1 ? *x.in[k] : U(0);
  }
  x.places = places_of(args, 3);
  const ElementGrid grid = element_grid(x.places.count, kPackCount<U>);
  launch(stream, grid.blocks, grid.threads, 0, where_kernel<U>, x);
}

}  // namespace

void pointwise(PointwiseOp op, DType dtype, const PointwiseArgs& args, GpuStream stream) {
  if (op == PointwiseOp::where) return with_bits(itemsize(dtype), [&]<class U>(U) { where<U>(args, stream); });
  switch (dtype) {
    case DType::bool_: return pointwise_bool(op, args, stream);
    case DType::u8: return pointwise_u8(op, args, stream);
    case DType::i8: return pointwise_i8(op, args, stream);
    case DType::i32: return pointwise_i32(op, args, stream);
    case DType::i64: return pointwise_i64(op, args, stream);
    case DType::f16: return pointwise_f16(op, args, stream);
    case DType::bf16: return pointwise_bf16(op, args, stream);
    case DType::f32: return pointwise_f32(op, args, stream);
    case DType::f64: return pointwise_f64(op, args, stream);
  }
}

}  // namespace hotloop::sm80
