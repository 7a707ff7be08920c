// Every op record, file by file: what documents and Python list.
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"

namespace hotloop::ops {

using Records = std::vector<const OpRecord*>;

Records pointwise_records();
Records activation_records();
Records batch_norm_records();
Records copy_records();
Records creation_records();
Records cross_entropy_records();
Records ctc_records();
Records distance_records();
Records embedding_bag_records();
Records index_records();
Records mask_records();
Records indexing_records();
Records margin_loss_records();
Records matmul_records();
Records norm_records();
Records packed_records();
Records pad_records();
Records product_records();
Records random_records();
Records reduce_records();
Records scan_records();
Records softmax_records();
Records sort_records();
Records order_statistics_records();
Records subscript_records();
Records unique_records();
Records view_records();

struct Family {
  const char* name;  // the file of csrc/ops
  Records records;
};
std::vector<Family> families();

// A row of kernels/args/pointwise.def by its name, without promotion: the last input has one of its dtypes, and the
// others have that too (but the condition of `where`). For measurements and tests.
Tensor run_pointwise(const std::string& name, const std::vector<Tensor>& inputs, double p0, double p1);

}  // namespace hotloop::ops
