// Elements of strided tensors by their number: what the pointwise and copy kernels share. A thread of a dense problem
// takes neighbouring elements in vectors of 16 bytes; of a strided one, elements a block's width apart, whose places
// are found by division. Never run on a GPU yet.
#pragma once

#include "core/half.h"
#include "kernels/args/pointwise.h"
#include "kernels/cuda/common/divide.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"

namespace hotloop::cuda {

constexpr int kElementThreads = 256;

// The layout of out and `inputs` operands, by value in the kernel's parameters.
struct Places {
  int64_t count;
  int ndim;
  bool dense;       // every operand is one run of memory, or a single number
  bool aligned;     // ... whose vectors of 16 bytes are aligned
  bool narrow;      // count below 2^31: 32-bit numbers suffice
  uint8_t numbers;  // dense: bit k says that in[k] is a single number
  Divider dividers[kPointwiseDims];
  int64_t sizes[kPointwiseDims];
  int64_t strides[1 + kPointwiseInputs][kPointwiseDims];  // out's first
};

// Offsets in elements of one element of out and of the inputs.
template <int kInputs>
struct Offsets {
  int64_t out = 0, in[kInputs] = {};
};

template <int kInputs>
__device__ __forceinline__ Offsets<kInputs> offsets_of(const Places& p, int64_t element) {
  Offsets<kInputs> at;
  const auto step = [&](int d, int64_t index) {
    at.out += index * p.strides[0][d];
    for (int k = 0; k < kInputs; ++k) at.in[k] += index * p.strides[1 + k][d];
  };
  if (p.narrow) {
    uint32_t rest = uint32_t(element);
    for (int d = p.ndim - 1; d >= 0; --d) {
      uint32_t index;
      rest = p.dividers[d].divide(rest, index);
      step(d, index);
    }
  } else {
    for (int d = p.ndim - 1; d >= 0; --d) {
      const int64_t quotient = element / p.sizes[d];
      step(d, element - quotient * p.sizes[d]);
      element = quotient;
    }
  }
  return at;
}

inline Places places_of(const PointwiseArgs& args, int inputs) {
  Places p;
  p.ndim = args.ndim;
  p.count = 1;
  for (int d = 0; d < args.ndim; ++d) p.count *= args.sizes[d];
  p.narrow = p.count < (int64_t(1) << 31);
  p.numbers = args.host_inputs;
  p.dense = args.ndim == 0 || (args.ndim == 1 && args.out_strides[0] == 1);
  for (int k = 0; k < inputs; ++k) {
    const int64_t stride = args.ndim == 0 ? 0 : args.in_strides[k][0];
    p.dense = p.dense && (stride == 1 || stride == 0);
    if (stride == 0) p.numbers |= uint8_t(1u << k);
  }
  p.aligned = reinterpret_cast<uintptr_t>(args.out) % 16 == 0;
  for (int k = 0; k < inputs; ++k)
    p.aligned = p.aligned && (p.numbers >> k & 1 || reinterpret_cast<uintptr_t>(args.in[k]) % 16 == 0);
  for (int d = 0; d < args.ndim; ++d) {
    p.sizes[d] = args.sizes[d];
    if (p.narrow) p.dividers[d] = Divider(uint32_t(args.sizes[d]));
    p.strides[0][d] = args.out_strides[d];
    for (int k = 0; k < inputs; ++k) p.strides[1 + k][d] = args.in_strides[k][d];
  }
  return p;
}

// Threads a block and blocks for `count` elements of which a thread takes `each`: no more threads than are of use.
struct ElementGrid {
  dim3 blocks, threads;
};
inline ElementGrid element_grid(int64_t count, int each) {
  if (count == 0) return {dim3(0), dim3(32)};  // launches nothing
  const int64_t threads = (count + each - 1) / each;
  const int block = threads >= kElementThreads ? kElementThreads : int((threads + 31) / 32 * 32);
  return {dim3(unsigned((threads + block - 1) / block)), dim3(unsigned(block))};
}

// Elements that a thread of a pointwise kernel takes.
template <class T>
constexpr int kPackCount = sizeof(T) >= 4 ? 16 / int(sizeof(T)) : 8;

// A number in host memory, in what its dtype is computed in.
template <class T>
Compute<T> host_number(const void* p) {
  const T& x = *static_cast<const T*>(p);
  if constexpr (std::is_same_v<T, half_t> || std::is_same_v<T, bfloat16_t>) {
    return to_float(x);
  } else {
    return x;
  }
}

template <class T>
constexpr DTypeSet dtype_bit() {
  using std::is_same_v;
  return DTypeSet(1u << int(is_same_v<T, bool>         ? DType::bool_
                            : is_same_v<T, uint8_t>    ? DType::u8
                            : is_same_v<T, int8_t>     ? DType::i8
                            : is_same_v<T, int32_t>    ? DType::i32
                            : is_same_v<T, int64_t>    ? DType::i64
                            : is_same_v<T, half_t>     ? DType::f16
                            : is_same_v<T, bfloat16_t> ? DType::bf16
                            : is_same_v<T, float>      ? DType::f32
                                                       : DType::f64));
}

}  // namespace hotloop::cuda
