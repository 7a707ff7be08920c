// Indexed reading and writing, selection by mask, against the reference: the same bits.
#include "kernels.h"
#include "kernels/args/index.h"

HOTLOOP_TESTED_KERNEL(index_read, IndexArgs)
HOTLOOP_TESTED_KERNEL(index_write, IndexArgs)
HOTLOOP_TESTED_KERNEL(index_add, IndexArgs)
HOTLOOP_TESTED_KERNEL(index_combine, IndexArgs)
HOTLOOP_TESTED_KERNEL(count_mask, MaskArgs)
HOTLOOP_TESTED_KERNEL(mask_select, MaskArgs)
HOTLOOP_TESTED_KERNEL(mask_nonzero, MaskArgs)

using namespace hotloop;
using namespace kernels;

namespace {

// What one test of indexing has: the problem, and its memory.
struct Problem {
  IndexArgs args{};
  int64_t array_size = 0, values_size = 0;
  std::vector<std::unique_ptr<Array<int64_t>>> indices;
  IndexFault fault{-1, 0};
  Array<gpu::Fault> gpu_fault{1, [](size_t) { return gpu::Fault{}; }};

  explicit Problem(DType dtype) {
    args.dtype = dtype;
    args.skip = INT64_MIN;
    args.fault = &fault;
    args.gpu_fault = gpu_fault.data();
    args.op = "the op";
  }
  int64_t positions() const {
    int64_t count = 1;
    for (int d = 0; d < args.index_dims; ++d) count *= args.index[d].size;
    return count;
  }
  // One more index tensor of numbers in [-size, size), along the last `dims` index dims.
  void add_indices(int dims, int64_t size, int64_t array_stride, Numbers& numbers, int dim = 0) {
    IndexTensor& t = args.tensors[args.tensor_count++];
    int64_t count = 1;
    for (int d = args.index_dims - 1; d >= args.index_dims - dims; --d) {
      t.strides[d] = count;
      count *= args.index[d].size;
    }
    indices.push_back(
        std::make_unique<Array<int64_t>>(size_t(count), [&](size_t) { return numbers.below(2 * size) - size; }));
    t.indices = indices.back()->data();
    t.size = size;
    t.array_stride = array_stride;
    t.wrap = true;
    t.dim = dim;
  }
};

// index_select, embedding: rows of `width` elements at `positions` places of `size`, along dim 0 or, transposed, 1.
void rows(Problem& p, int64_t positions, int64_t size, int64_t width, bool transposed, Numbers& numbers) {
  p.args.index_dims = 1;
  p.args.slice_dims = 1;
  p.args.index[0] = {positions, 0, transposed ? 1 : width, false};
  p.args.slice[0] = {width, transposed ? size : 1, transposed ? positions : 1, true};
  p.add_indices(1, size, transposed ? 1 : width, numbers);
  p.array_size = size * width;
  p.values_size = positions * width;
}
// gather, scatter along a dim of (a, b, c) whose index has `own` in place of b.
void elements(Problem& p, int64_t a, int64_t b, int64_t c, int64_t own, Numbers& numbers) {
  p.args.index_dims = 3;
  p.args.index[0] = {a, b * c, own * c, true};
  p.args.index[1] = {own, 0, c, false};
  p.args.index[2] = {c, 1, 1, true};
  p.add_indices(3, b, c, numbers);
  p.array_size = a * b * c;
  p.values_size = a * own * c;
}
// x[:, i, j] of x (3, size, size, width), i of (m, 1), j of (n).
void two_tensors(Problem& p, int64_t m, int64_t n, int64_t size, int64_t width, Numbers& numbers) {
  p.args.index_dims = 3;
  p.args.slice_dims = 1;
  p.args.index[0] = {3, size * size * width, m * n * width, true};
  p.args.index[1] = {m, 0, n * width, false};
  p.args.index[2] = {n, 0, width, false};
  p.args.slice[0] = {width, 1, 1, true};
  p.add_indices(2, size, size * width, numbers, 1);
  p.args.tensors[0].strides[1] = 1;
  p.args.tensors[0].strides[2] = 0;
  p.add_indices(1, size, width, numbers, 2);
  p.array_size = 3 * size * size * width;
  p.values_size = 3 * m * n * width;
}

Elements some(DType dtype, int64_t n, Numbers& numbers, int64_t skew) {
  Elements x(dtype, n, skew);
  for (int64_t i = 0; i < n; ++i) {
    const double number = is_float(dtype) && numbers.below(50) == 0 ? NAN : double(numbers.below(40)) / 4;
    x.set(i, dtype == DType::bool_ ? double(numbers.below(2)) : number);
  }
  return x;
}

// Every kernel on the problem, against the reference.
void check_all(const char* what, Problem& p, Numbers& numbers, int64_t skew = 0) {
  const Elements array = some(p.args.dtype, p.array_size, numbers, skew);
  const Elements values = some(p.args.dtype, p.values_size, numbers, skew);
  const auto check = [&](const char* kernel, void (*gpu)(const IndexArgs&, void*), void (*cpu)(const IndexArgs&)) {
    const Elements our_array(array), our_values(values), wanted_array(array), wanted_values(values);
    p.args.array = wanted_array.data();
    p.args.values = wanted_values.data();
    cpu(p.args);
    p.args.array = our_array.data();
    p.args.values = our_values.data();
    gpu(p.args, nullptr);
    const int64_t different = our_array.differences(wanted_array) + our_values.differences(wanted_values);
    if (different || p.fault.tensor >= 0 || p.gpu_fault[0].raised)
      check::report(__FILE__, __LINE__,
                    std::string(kernel) + " of " + what + " in " + name(p.args.dtype) + ": " +
                        std::to_string(different) + " differ");
  };
  check("read", sm80::index_read, reference::index_read);
  check("write", sm80::index_write, reference::index_write);
  check("add", sm80::index_add, reference::index_add);
  for (IndexCombine how : {IndexCombine::multiply, IndexCombine::max, IndexCombine::min}) {
    p.args.combine = how;
    check("combine", sm80::index_combine, reference::index_combine);
  }
}

void check_problems(DType dtype, uint64_t seed) {
  Numbers numbers(seed);
  const auto check = [&](const char* what, int64_t skew, auto make) {
    Problem p(dtype);
    make(p);
    check_all(what, p, numbers, skew);
  };
  check("one row", 0, [&](Problem& p) { rows(p, 1, 3, 8, false, numbers); });
  check("no row", 0, [&](Problem& p) { rows(p, 0, 3, 8, false, numbers); });
  check("short rows", 0, [&](Problem& p) { rows(p, 200, 9, 3, false, numbers); });
  check("rows", 0, [&](Problem& p) { rows(p, 150, 40, 32, false, numbers); });
  check("rows that aren't aligned", 1, [&](Problem& p) { rows(p, 50, 40, 32, false, numbers); });
  check("columns", 0, [&](Problem& p) { rows(p, 70, 12, 5, true, numbers); });
  check("single elements", 0, [&](Problem& p) { rows(p, 300, 20, 1, false, numbers); });
  check("elements", 0, [&](Problem& p) { elements(p, 3, 10, 7, 12, numbers); });
  check("elements of long columns", 0, [&](Problem& p) { elements(p, 2, 10, 3, 60, numbers); });
  check("two tensors", 0, [&](Problem& p) { two_tensors(p, 7, 8, 3, 4, numbers); });
  check("a padding row", 0, [&](Problem& p) {
    rows(p, 100, 9, 4, false, numbers);
    p.args.skip = 4;
  });
}

}  // namespace

TEST(index, every_dtype) {
  for (DType dtype : kEveryDType) check_problems(dtype, 1 + uint64_t(dtype));
}

TEST(index, every_schedule) {
  emulated::under_each_schedule([] { check_problems(DType::f16, 20); });
}

TEST(index, many_positions) {
  Numbers numbers(3);
  for (DType dtype : {DType::f32, DType::bf16, DType::i64}) {
    Problem p(dtype);
    rows(p, 5000, 300, 2, false, numbers);
    check_all("many rows", p, numbers);
    Problem q(dtype);
    elements(q, 1, 1000, 3, 2500, numbers);
    check_all("many elements", q, numbers);
  }
}

// Keys of 64 bits, without the memory: offsets in the array are far apart, and only the keys' order counts.
TEST(index, sparse_arrays) {
  Numbers numbers(5);
  Problem p(DType::u8);
  rows(p, 2500, 3, 1, false, numbers);
  p.args.tensors[1] = p.args.tensors[0];  // a second tensor of zeros, of a dim too large for 32 bits
  const Array<int64_t> zero(1, [](size_t) { return int64_t(0); });
  p.args.tensors[1].indices = zero.data();
  p.args.tensors[1].strides[0] = 0;
  p.args.tensors[1].size = int64_t(1) << 40;
  p.args.tensors[1].array_stride = 3;
  p.args.tensor_count = 2;
  check_all("a wide array", p, numbers);
}

TEST(index, faults) {
  emulated::under_each_schedule([] {
    Numbers numbers(9);
    for (int64_t bad : {int64_t(5), int64_t(-6), INT64_MAX, INT64_MIN}) {
      Problem p(DType::f32);
      rows(p, 40, 5, 4, false, numbers);
      p.args.tensors[0].dim = 3;
      (*p.indices[0])[17] = bad;
      const Elements array = some(DType::f32, p.array_size, numbers, 0);
      const Elements values = some(DType::f32, p.values_size, numbers, 0);
      p.args.array = array.data();
      p.args.values = values.data();
      for (auto kernel : {sm80::index_add, sm80::index_write, sm80::index_read}) {
        p.gpu_fault[0] = {};
        kernel(p.args, nullptr);
        CHECK_EQUAL(p.gpu_fault[0].raised, 1);
        CHECK_EQUAL(p.gpu_fault[0].dim, 3);
        CHECK_EQUAL(p.gpu_fault[0].value, bad);
        CHECK_EQUAL(p.gpu_fault[0].size, int64_t(5));
        CHECK_EQUAL(p.gpu_fault[0].op, p.args.op);
      }
      for (int64_t s = 0; s < 4; ++s) CHECK_EQUAL(values[17 * 4 + s], 0.0);
    }
    // Also where nothing is moved, and where counting from the end isn't asked for.
    Problem p(DType::f32);
    rows(p, 40, 5, 0, false, numbers);
    (*p.indices[0])[3] = -1;
    const Elements nothing(DType::f32, 1);
    p.args.array = p.args.values = nothing.data();
    sm80::index_read(p.args, nullptr);
    CHECK_EQUAL(p.gpu_fault[0].raised, 0);
    p.args.tensors[0].wrap = false;
    sm80::index_add(p.args, nullptr);
    CHECK_EQUAL(p.gpu_fault[0].raised, 1);
  });
}

TEST(index, masks) {
  Numbers numbers(11);
  for (int64_t n : {0, 1, 31, 1000, 32768, 32769, 100000}) {
    for (int64_t skew : {0, 1}) {
      const Elements mask(DType::bool_, n, skew);
      for (int64_t i = 0; i < n; ++i) mask.set(i, numbers.below(3) == 0);
      const size_t chunks = size_t((n + kMaskChunk - 1) / kMaskChunk);
      const Array<int64_t> offsets(chunks + 1), wanted_offsets(chunks + 1);
      MaskArgs args{};
      args.mask = mask.data<bool>();
      args.n = n;
      args.offsets = wanted_offsets.data();
      reference::count_mask(args);
      args.offsets = offsets.data();
      sm80::count_mask(args, nullptr);
      CHECK(std::memcmp(offsets.data(), wanted_offsets.data(), (chunks + 1) * 8) == 0);
      const int64_t count = offsets[chunks];

      for (DType dtype : {DType::bool_, DType::bf16, DType::f32, DType::i64}) {
        const Elements x = some(dtype, n, numbers, skew), out(dtype, count), wanted(dtype, count);
        args.dtype = dtype;
        args.x = x.data();
        args.out = wanted.data();
        reference::mask_select(args);
        args.out = out.data();
        sm80::mask_select(args, nullptr);
        CHECK_EQUAL(out.differences(wanted), 0);
      }
      const int64_t flat[] = {n}, square[] = {n / 250, 50, 5};
      for (const int64_t* sizes : {flat, square}) {
        if (sizes == square && n % 250) continue;
        args.ndim = sizes == flat ? 1 : 3;
        args.sizes = sizes;
        const size_t numbers_out = size_t(count * args.ndim);
        const Array<int64_t> indices(numbers_out), wanted(numbers_out);
        args.indices = wanted.data();
        reference::mask_nonzero(args);
        args.indices = indices.data();
        sm80::mask_nonzero(args, nullptr);
        CHECK(std::memcmp(indices.data(), wanted.data(), numbers_out * 8) == 0);
      }
    }
  }
}

TEST(index, masks_in_every_schedule) {
  emulated::under_each_schedule([] {
    const int64_t n = 33000;
    const Elements mask(DType::bool_, n);
    for (int64_t i = 0; i < n; ++i) mask.set(i, i % 5 == 0);
    const Array<int64_t> offsets(3), indices(6600);
    const int64_t sizes[] = {n};
    MaskArgs args{};
    args.mask = mask.data<bool>();
    args.n = n;
    args.offsets = offsets.data();
    args.ndim = 1;
    args.sizes = sizes;
    args.indices = indices.data();
    sm80::count_mask(args, nullptr);
    sm80::mask_nonzero(args, nullptr);
    CHECK_EQUAL(offsets[2], int64_t(6600));
    for (size_t i = 0; i < 6600; ++i) CHECK_EQUAL(indices[i], int64_t(5 * i));
  });
}
