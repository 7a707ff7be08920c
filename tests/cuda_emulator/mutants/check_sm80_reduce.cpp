// Ends with 0 where the library's reductions are right: rows and columns, a thread's, a warp's, a block's and several
// blocks', packed and not, aligned and not, under each schedule. Sums are of small integers, and so exact.
#include <cmath>
#include <numeric>

#include "kernels/args/reduce.h"
#include "program.h"

namespace hotloop::sm80 {
void reduce_sums(const ReduceArgs& args, void* stream);
void reduce_extremes(const ReduceArgs& args, void* stream);
void reduce_moments(const ReduceArgs&, void*) {}  // what reduce.cu calls for other ops
}  // namespace hotloop::sm80

namespace {

using hotloop::DType;
using hotloop::ReduceArgs;
using hotloop::ReduceOp;
using mutants::Array;

struct Case {
  std::vector<int64_t> kept, reduced;  // sizes; strides are those of (kept, reduced) row-major, or the other way round
  bool reduced_outside = false;
  int64_t skew = 0;
  int64_t gap = 0;  // elements between lines that aren't to be used
  bool sums_only = false;
};

// Of f32, by op: sum, mean, norm2, prod, max (with where), argmin.
bool is_right(const Case& c, ReduceOp op) {
  ReduceArgs args{};
  args.op = op;
  args.dtype = DType::f32;
  const bool index = op == ReduceOp::argmin, extreme = index || op == ReduceOp::max;
  args.out_dtype = index ? DType::i64 : DType::f32;
  args.kept_dims = int(c.kept.size());
  args.reduced_dims = int(c.reduced.size());
  int64_t step = 1, out_step = 1;
  const auto place = [&](const std::vector<int64_t>& sizes, hotloop::ReduceDim* dims, bool inner) {
    for (int d = int(sizes.size()) - 1; d >= 0; --d) {
      dims[d] = {sizes[size_t(d)], step, 0};
      step *= sizes[size_t(d)];
      if (inner && d == int(sizes.size()) - 1) step += c.gap;
    }
  };
  place(c.reduced_outside ? c.kept : c.reduced, c.reduced_outside ? args.kept : args.reduced, true);
  place(c.reduced_outside ? c.reduced : c.kept, c.reduced_outside ? args.reduced : args.kept, false);
  for (int d = args.kept_dims - 1; d >= 0; --d) {
    args.kept[d].out_stride = out_step;
    out_step *= args.kept[d].size;
  }
  const auto count = [](const std::vector<int64_t>& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>());
  };
  const int64_t outputs = count(c.kept), n = count(c.reduced);
  const auto number = [&](int64_t i) {
    return op == ReduceOp::prod ? (i % 5 == 2 ? -1.0f : i % 37 == 5 ? 2.0f : 1.0f) : float(i * 37 % 11) - 4;
  };
  // What lies between the lines is never to be used.
  Array<float> x(step + c.skew, [](int64_t) { return 1e30f; });
  const auto offset = [](int64_t i, const hotloop::ReduceDim* dims, int count) {
    int64_t at = 0;
    for (int d = count - 1; d >= 0; i /= dims[d--].size) at += i % dims[d].size * dims[d].in_stride;
    return at;
  };
  Array<float> out(outputs + 1, [](int64_t) { return 77.0f; });
  Array<int64_t> at(outputs + 1, [](int64_t) { return int64_t(77); });
  std::vector<double> wanted(static_cast<size_t>(outputs));
  std::vector<int64_t> wanted_at(static_cast<size_t>(outputs));
  for (int64_t i = 0; i < outputs; ++i) {
    double result = op == ReduceOp::prod ? 1 : 0;
    int64_t best = 0;
    for (int64_t j = 0; j < n; ++j) {
      const float value = number(i * 3 + j);
      x[c.skew + offset(i, args.kept, args.kept_dims) + offset(j, args.reduced, args.reduced_dims)] = value;
      if (extreme && (j == 0 || (index ? value < result : value > result))) result = value, best = j;
      if (op == ReduceOp::sum || op == ReduceOp::mean) result += value;
      if (op == ReduceOp::norm2) result += double(value) * value;
      if (op == ReduceOp::prod) result *= value;
    }
    if (op == ReduceOp::mean) result /= double(n);
    if (op == ReduceOp::norm2) result = std::sqrt(result);
    wanted[size_t(i)] = result;
    wanted_at[size_t(i)] = best;
  }
  args.in = x.data() + c.skew;
  args.out = index ? static_cast<void*>(at.data()) : out.data();
  args.out2 = op == ReduceOp::max ? at.data() : nullptr;
  extreme ? hotloop::sm80::reduce_extremes(args, nullptr) : hotloop::sm80::reduce_sums(args, nullptr);
  for (int64_t i = 0; i < outputs; ++i) {
    if (!index && out[i] != float(wanted[size_t(i)])) return false;
    if (extreme && at[i] != wanted_at[size_t(i)]) return false;
  }
  return out[outputs] == 77 && at[outputs] == 77;
}

const Case kCases[] = {
    {{}, {}},
    {{}, {1}},
    {{}, {1000}},
    {{3}, {5}},
    {{40}, {16}},
    {{5}, {17}},
    {{5}, {96}, false, 0, 4},
    {{5}, {96}, false, 1},
    {{4}, {101}, false, 0, 3},
    {{2}, {2048}},
    {{2}, {2049}},
    {{7}, {64, 3, 8}, false, 0, 8},
    {{2, 3}, {4, 9}},
    {{33}, {40}, true},
    {{3}, {300}, true},
    {{65}, {5, 7}, true, 0, 2},
    {{600}, {3}, true},
    {{}, {70000}},
    {{}, {65537}, false, 1},
    {{3}, {5000}, true},
    {{0}, {4}},
    {{300}, {4100}, true, 0, 0, true},  // the last block that combines chunks has fewer outputs
};

}  // namespace

int main() {
  std::vector<std::function<bool()>> cases;
  for (const Case& c : kCases)
    for (ReduceOp op :
         {ReduceOp::sum, ReduceOp::mean, ReduceOp::norm2, ReduceOp::prod, ReduceOp::max, ReduceOp::argmin})
      if (op == ReduceOp::sum || !c.sums_only) cases.push_back([&c, op] { return is_right(c, op); });
  return mutants::run(cases);
}
