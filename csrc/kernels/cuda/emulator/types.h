// CUDA's vector types and dim3, as a kernel sees them, for the host compiler.
#pragma once

#include <cstdint>

// name1 to name4 of an element type, aligned as in CUDA, each with its make_ function.
#define HOTLOOP_VECTOR_TYPES(type, name)                                                      \
  struct name##1 { type x; };                                                                 \
  struct alignas(2 * sizeof(type)) name##2 { type x, y; };                                    \
  struct name##3 { type x, y, z; };                                                           \
  struct alignas(4 * sizeof(type) > 16 ? 16 : 4 * sizeof(type)) name##4 { type x, y, z, w; }; \
  constexpr name##1 make_##name##1(type x) { return {x}; }                                    \
  constexpr name##2 make_##name##2(type x, type y) { return {x, y}; }                         \
  constexpr name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }              \
  constexpr name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

HOTLOOP_VECTOR_TYPES(signed char, char)
HOTLOOP_VECTOR_TYPES(unsigned char, uchar)
HOTLOOP_VECTOR_TYPES(short, short)
HOTLOOP_VECTOR_TYPES(unsigned short, ushort)
HOTLOOP_VECTOR_TYPES(int, int)
HOTLOOP_VECTOR_TYPES(unsigned, uint)
HOTLOOP_VECTOR_TYPES(long long, longlong)
HOTLOOP_VECTOR_TYPES(unsigned long long, ulonglong)
HOTLOOP_VECTOR_TYPES(float, float)
HOTLOOP_VECTOR_TYPES(double, double)
#undef HOTLOOP_VECTOR_TYPES

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};
