// The tables of all dtypes; each is filled by its own file.
#pragma once

#include "kernels/cpu/common/pointwise_drive.h"

namespace hotloop::HOTLOOP_ISA {

template <>
const PointwiseTable PointwiseTableOf<bool>::table;
template <>
const PointwiseTable PointwiseTableOf<uint8_t>::table;
template <>
const PointwiseTable PointwiseTableOf<int8_t>::table;
template <>
const PointwiseTable PointwiseTableOf<int32_t>::table;
template <>
const PointwiseTable PointwiseTableOf<int64_t>::table;
template <>
const PointwiseTable PointwiseTableOf<half_t>::table;
template <>
const PointwiseTable PointwiseTableOf<bfloat16_t>::table;
template <>
const PointwiseTable PointwiseTableOf<float>::table;
template <>
const PointwiseTable PointwiseTableOf<double>::table;

extern const PointwiseTable* const pointwise_tables[kDTypeCount];
const PointwiseTable* const pointwise_tables[kDTypeCount] = {
    &PointwiseTableOf<bool>::table,       &PointwiseTableOf<uint8_t>::table, &PointwiseTableOf<int8_t>::table,
    &PointwiseTableOf<int32_t>::table,    &PointwiseTableOf<int64_t>::table, &PointwiseTableOf<half_t>::table,
    &PointwiseTableOf<bfloat16_t>::table, &PointwiseTableOf<float>::table,   &PointwiseTableOf<double>::table,
};

}  // namespace hotloop::HOTLOOP_ISA
