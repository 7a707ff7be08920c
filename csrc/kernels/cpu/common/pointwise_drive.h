// How a pointwise kernel reaches its loop: declarations. pointwise_strided.h is the definition.
#pragma once

#include "kernels/args/pointwise.h"

#ifndef HOTLOOP_ISA
#error "compile through one of csrc/kernels/cpu/<isa>: the folder's flags define HOTLOOP_ISA"
#endif

namespace hotloop::HOTLOOP_ISA {

// n elements of dense memory. Element i of input k is at i & masks[k]: -1 where the input is dense, 0 where it is
// constant and kSplatBytes of equal elements stand for it.
using PointwiseLoop = void (*)(void* out, const void* const* in, const int64_t* masks, int64_t n,
                               const PointwiseArgs& args);

constexpr int64_t kAllDense[kPointwiseInputs] = {-1, -1, -1};
constexpr int64_t kSplatBytes = 64;  // the widest vector

struct PointwiseSpec {
  PointwiseLoop loop;           // null: the one input is moved as it is
  PointwiseLoop streamed_loop;  // stores around the caches (stream.h), and leaves stores_done() to its caller; or null
  bool splats;                  // the loop heeds masks; else every input must be dense
  int inputs;
  int out_size;  // of an element, in bytes
  int in_sizes[kPointwiseInputs];
};

// Up to this many elements are one call of the loop in the calling thread: some 5 to 50 us.
constexpr int64_t kSerialElements = 1 << 16;

void drive(const PointwiseArgs& args, const PointwiseSpec& spec);

template <bool kFirst, class A, class B>
struct Choose {
  using type = A;
};
template <class A, class B>
struct Choose<false, A, B> {
  using type = B;
};

template <class T>
constexpr DTypeSet kDTypesOf = 0;
template <>
constexpr DTypeSet kDTypesOf<bool> = 1u << int(DType::bool_);
template <>
constexpr DTypeSet kDTypesOf<uint8_t> = 1u << int(DType::u8);
template <>
constexpr DTypeSet kDTypesOf<int8_t> = 1u << int(DType::i8);
template <>
constexpr DTypeSet kDTypesOf<int32_t> = 1u << int(DType::i32);
template <>
constexpr DTypeSet kDTypesOf<int64_t> = 1u << int(DType::i64);
template <>
constexpr DTypeSet kDTypesOf<half_t> = 1u << int(DType::f16);
template <>
constexpr DTypeSet kDTypesOf<bfloat16_t> = 1u << int(DType::bf16);
template <>
constexpr DTypeSet kDTypesOf<float> = 1u << int(DType::f32);
template <>
constexpr DTypeSet kDTypesOf<double> = 1u << int(DType::f64);

// One dtype's kernels, in the order of the rows.
template <class T>
struct PointwiseTableOf {
  static const PointwiseTable table;
};

}  // namespace hotloop::HOTLOOP_ISA
