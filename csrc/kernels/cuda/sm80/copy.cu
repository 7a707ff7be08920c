// out = in, converted, strided on both sides (kernels/args/copy.h). Equal dtypes move bits by the size of an element;
// others are converted by a kernel for each target dtype, which chooses the source's conversion by its dtype, the same
// for all threads. Called by ops/copy.cpp: clone, to, copy_, fill_, cat. Bound: memory. Never run on a GPU yet.
#include "kernels/args/copy.h"

#include "kernels/cuda/common/elements.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

struct Copy {
  void* out;
  const void* in;
  DType from;
  uint64_t number;  // the bits of in, where it is a number in host memory
  bool host_input;
  Places places;
};

// As bool: not zero. NaN is not.
template <class From>
__device__ __forceinline__ bool is_set(From x) {
  if constexpr (std::is_same_v<From, half_t> || std::is_same_v<From, bfloat16_t>) {
    return (x.bits & 0x7fff) != 0;
  } else {
    return x != From(0);
  }
}

// f(element's place in in) for every element that a thread has, put into out.
template <class R, class F>
__device__ __forceinline__ void each_place(const Copy& x, F f) {
  constexpr int kEach = kPackCount<R>;
  const Places& p = x.places;
  R* const out = static_cast<R*>(x.out);
  const int64_t first = int64_t(blockIdx.x) * blockDim.x * kEach + threadIdx.x;
  for (int i = 0; i < kEach; ++i) {
    const int64_t element = first + int64_t(i) * blockDim.x;
    if (element >= p.count) return;
    if (p.dense) {
      out[element] = f(p.numbers & 1 ? 0 : element);
    } else {
      const auto at = offsets_of<1>(p, element);
      out[at.out] = f(at.in[0]);
    }
  }
}

template <class U>
__global__ void __launch_bounds__(kElementThreads) move_kernel(const __grid_constant__ Copy x) {
  constexpr int kEach = kPackCount<U>;
  const Places& p = x.places;
  const U* const in = static_cast<const U*>(x.in);
  if (p.dense && p.aligned && !(p.numbers & 1)) {
    const int64_t first = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * kEach;
    U* const out = static_cast<U*>(x.out);
    if (first + kEach <= p.count) {
      store_pack(out + first, load_pack<kEach>(in + first));
    } else {
      for (int64_t i = first; i < p.count; ++i) out[i] = in[i];
    }
    return;
  }
  each_place<U>(x, [&](int64_t at) { return x.host_input ? U(x.number) : in[at]; });
}

template <class To>
__global__ void __launch_bounds__(kElementThreads) convert_kernel(const __grid_constant__ Copy x) {
  const auto from = [&]<class From>(From) {
    const From* const in = static_cast<const From*>(x.host_input ? static_cast<const void*>(&x.number) : x.in);
    each_place<To>(x, [&](int64_t at) {
      if constexpr (std::is_same_v<To, bool>) {
        return is_set(in[at]);
      } else {
        return convert<To>(in[at]);
      }
    });
  };
  switch (x.from) {
    case DType::bool_: return from(bool{});
    case DType::u8: return from(uint8_t{});
    case DType::i8: return from(int8_t{});
    case DType::i32: return from(int32_t{});
    case DType::i64: return from(int64_t{});
    case DType::f16: return from(half_t{});
    case DType::bf16: return from(bfloat16_t{});
    case DType::f32: return from(float{});
    case DType::f64: return from(double{});
  }
}

}  // namespace

void copy(const CopyArgs& args, GpuStream stream) {
  Copy x;
  x.out = args.operands.out;
  x.in = args.operands.in[0];
  x.from = args.from;
  x.host_input = args.operands.host_inputs & 1;
  x.number = 0;
  if (x.host_input) __builtin_memcpy(&x.number, x.in, itemsize(args.from));
  x.places = places_of(args.operands, 1);
  const auto run = [&](auto kernel, int each) {
    const ElementGrid grid = element_grid(x.places.count, each);
    launch(stream, grid.blocks, grid.threads, 0, kernel, x);
  };
  if (args.to == args.from)
    return with_bits(itemsize(args.to), [&]<class U>(U) { run(move_kernel<U>, kPackCount<U>); });
  with_dtype(args.to, [&]<class To>(To) { run(convert_kernel<To>, kPackCount<To>); });
}

}  // namespace hotloop::sm80
