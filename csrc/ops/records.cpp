#include "ops/records.h"

namespace hotloop::ops {

std::vector<Family> families() {
  std::vector<Family> all;
  all.push_back({"pointwise", pointwise_records()});
  all.push_back({"activation", activation_records()});
  all.push_back({"batch_norm", batch_norm_records()});
  all.push_back({"copy", copy_records()});
  all.push_back({"creation", creation_records()});
  all.push_back({"cross_entropy", cross_entropy_records()});
  all.push_back({"ctc", ctc_records()});
  all.push_back({"distance", distance_records()});
  all.push_back({"embedding_bag", embedding_bag_records()});
  all.push_back({"index", index_records()});
  all.push_back({"mask", mask_records()});
  all.push_back({"indexing", indexing_records()});
  all.push_back({"margin_loss", margin_loss_records()});
  all.push_back({"matmul", matmul_records()});
  all.push_back({"norm", norm_records()});
  all.push_back({"packed", packed_records()});
  all.push_back({"pad", pad_records()});
  all.push_back({"products", product_records()});
  all.push_back({"random", random_records()});
  all.push_back({"reduce", reduce_records()});
  all.push_back({"scan", scan_records()});
  all.push_back({"softmax", softmax_records()});
  all.push_back({"sort", sort_records()});
  all.push_back({"order_statistics", order_statistics_records()});
  all.push_back({"subscript", subscript_records()});
  all.push_back({"unique", unique_records()});
  all.push_back({"view", view_records()});
  return all;
}

}  // namespace hotloop::ops
