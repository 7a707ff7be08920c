// What softmax and cross entropy share: a team's place in (outer, n, inner), and the sum of a row's exponentials, both
// over common/rows.h. Never run on a GPU yet.
#pragma once

#include "kernels/args/softmax.h"
#include "kernels/cuda/common/math.h"
#include "kernels/cuda/common/rows.h"

namespace hotloop::cuda {

// e^x, x <= 0 but for rounding. For the 16-bit floats' results 2^x of a rounded product is exact enough.
template <class T>
__device__ __forceinline__ Compute<T> exp_of(Compute<T> x) {
  if constexpr (sizeof(T) == 2) {
    return math::exp2(x * 1.44269504f);
  } else {
    return math::exp(x);
  }
}

// Which row of (outer, n, inner) is this team's. Teams beyond the last have one without elements.
struct RowPlace {
  Team team;
  int64_t row, outer, inner, n;
  bool exists;

  __device__ __forceinline__ RowPlace(Team team, int64_t outers, int64_t n, int64_t inners)
      : team(team), row(team.row()), outer(row), inner(0), n(n), exists(row < outers * inners) {
    if (inners != 1) {
      if (row <= UINT32_MAX && inners <= UINT32_MAX) {
        outer = uint32_t(row) / uint32_t(inners);
      } else {
        outer = row / inners;
      }
      inner = row - outer * inners;
    }
  }
  __device__ __forceinline__ Share share(bool packed) const {
    return {exists ? n : 0, team.rank(), team.size(), packed};
  }

  // The row in one tensor.
  template <class T, class Void>
  __device__ __forceinline__ Row<T> row_of(Void* base, const RowStrides& strides, bool packed) const {
    return row_at<T>(base, outer * strides.outer + inner * strides.inner, strides.n, packed);
  }
};

// Numbers by their largest and the sum of their exponentials relative to it.
template <class C>
struct SumExp {
  C largest, sum;

  static __device__ __forceinline__ SumExp of_none() { return {-math::infinity<C>(), C(0)}; }
  // Relative to 0 where there is nothing above -inf.
  __device__ __forceinline__ C base() const { return largest == -math::infinity<C>() ? C(0) : largest; }
  // Of this sum, once relative to that base.
  __device__ __forceinline__ void rebase(C next) {
    const C before = base();
    largest = next;
    sum *= math::exp(before - base());
  }
};
struct MergeSumExp {
  template <class C>
  __device__ __forceinline__ SumExp<C> operator()(SumExp<C> a, SumExp<C> b) const {
    const C largest = a.largest > b.largest ? a.largest : b.largest;
    a.rebase(largest);
    b.rebase(largest);
    a.sum += b.sum;
    return a;
  }
};

// Of a row in HeldRows. A NaN is in the sum alone.
template <class T, int kHeld>
__device__ __forceinline__ SumExp<Compute<T>> sum_exp(const Team& team, const HeldRows<kHeld, 1, T>& held) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count;
  const auto largest_of = [&](int64_t k, const Pack<T>& pack, C largest) {
#pragma unroll
    for (int e = 0; e < P; ++e) {
      const C x = convert<C>(pack.x[e]);
      if (x > largest && held.share.template has<P>(k, e)) largest = x;
    }
    return largest;
  };
  auto own = SumExp<C>::of_none();
  const auto add = [&](int64_t k, const Pack<T>& pack) {
    const C base = own.base();
#pragma unroll
    for (int e = 0; e < P; ++e) {
      if (held.share.template has<P>(k, e)) own.sum += exp_of<T>(convert<C>(pack.x[e]) - base);
    }
  };
  held.each_held([&](int64_t k, const Pack<T>(&packs)[1]) { own.largest = largest_of(k, packs[0], own.largest); });
  held.each_held([&](int64_t k, const Pack<T>(&packs)[1]) { add(k, packs[0]); });
  held.each_beyond([&](int64_t k, const Pack<T>(&packs)[1]) {
    own.rebase(largest_of(k, packs[0], own.largest));
    add(k, packs[0]);
  });
  return team.reduce(own, MergeSumExp{}, SumExp<C>::of_none());
}

// Teams for the rows of (outer, n, inner): columns where the rows lie side by side.
inline TeamPlan plan_rows(int64_t outer, int64_t n, int64_t inner, const RowStrides& x, size_t itemsize, int held) {
  return plan_teams(outer * inner, n, itemsize, held, x.n != 1 && inner > 1);
}

}  // namespace hotloop::cuda
