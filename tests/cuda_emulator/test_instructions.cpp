// Each wrapped instruction against its definition in the PTX manual (ISA 9, "Matrix Fragments for mma" and others),
// written down here a second time, element by element; and against what a GPU gave, where that was recorded.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>

#include "core/half.h"
#include "emulated.h"
#include "instructions.h"

using namespace hotloop;
using emulated::Array;
using instructions::Instruction;
using Words = std::vector<uint32_t>;

namespace {

const Instruction& named(const std::string& name) {
  for (const Instruction& instruction : instructions::kAll) {
    if (name == instruction.name) return instruction;
  }
  throw ValueError("no instruction " + name);
}

Words input(const Instruction& instruction) {
  Words in(size_t(instruction.in_words));
  for (size_t i = 0; i < in.size(); ++i) in[i] = instruction.word(int(i));
  return in;
}

Words run(const Instruction& instruction) {
  const Words words = input(instruction);
  Array<uint32_t> in(words.size(), [&](size_t i) { return words[i]; }), out(size_t(instruction.out_words));
  cuda::launch(nullptr, 1, 32, 0, instruction.kernel, in.data(), out.data());
  return Words(out.data(), out.data() + out.size());
}

// `expected(lane, i)` is word i of a lane, where a lane has `per_lane` of them.
void check_lanes(const std::string& name, int per_lane, const std::function<uint32_t(int, int)>& expected) {
  emulated::under_each_schedule([&] {
    const Words out = run(named(name));
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < per_lane; ++i) {
        const uint32_t got = out[size_t(lane * per_lane + i)], wanted = expected(lane, i);
        if (got != wanted) {
          char text[128];
          std::snprintf(text, sizeof text, "%s, lane %d, word %d: 0x%08x, wanted 0x%08x", name.c_str(), lane, i, got,
                        wanted);
          check::report(__FILE__, __LINE__, text);
          return;
        }
      }
    }
  });
}

float element_16(const std::string& type, uint32_t word, int i) {
  const auto bits = uint16_t(i % 2 ? word >> 16 : word);
  return type == "f16" ? to_float(half_t{bits}) : to_float(bfloat16_t{bits});
}

// m16n8k16: element i of a lane's a, b and d.
void check_mma_16(const std::string& type) {
  const std::string name = "mma_m16n8k16_" + type;
  const Words in = input(named(name));
  std::map<std::pair<int, int>, float> a, b;
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane >> 2, in_group = lane % 4;
    for (int i = 0; i < 8; ++i) {
      const int row = i < 2 || (4 <= i && i < 6) ? group : group + 8;
      const int column = in_group * 2 + (i & 1) + (i < 4 ? 0 : 8);
      a[{row, column}] = element_16(type, in[size_t(lane * 4 + i / 2)], i);
    }
    for (int i = 0; i < 4; ++i) {
      const int row = in_group * 2 + (i & 1) + (i < 2 ? 0 : 8);
      b[{row, group}] = element_16(type, in[size_t(128 + lane * 2 + i / 2)], i);
    }
  }
  CHECK_EQUAL(a.size(), size_t(16 * 16));
  CHECK_EQUAL(b.size(), size_t(16 * 8));
  check_lanes(name, 4, [&](int lane, int i) {
    const int row = i < 2 ? lane >> 2 : (lane >> 2) + 8, column = lane % 4 * 2 + (i & 1);
    float sum = std::bit_cast<float>(in[size_t(192 + lane * 4 + i)]);  // small integers: exact in any order
    for (int k = 0; k < 16; ++k) sum += a.at({row, k}) * b.at({k, column});
    return std::bit_cast<uint32_t>(sum);
  });
}

}  // namespace

TEST(instructions, ldmatrix) {
  for (int count : {1, 2, 4}) {
    for (bool transposed : {false, true}) {
      const std::string name = "ldmatrix_x" + std::to_string(count) + (transposed ? "_trans" : "");
      check_lanes(name, count, [=](int lane, int matrix) {
        // Element (row, column) of a matrix holds its index from the first matrix's first on.
        const auto element = [=](int row, int column) { return uint32_t(matrix * 64 + row * 8 + column); };
        const int group = lane / 4, first = lane % 4 * 2;
        return transposed ? element(first, group) | element(first + 1, group) << 16
                          : element(group, first) | element(group, first + 1) << 16;
      });
    }
  }
}

TEST(instructions, mma_of_16_bits) {
  check_mma_16("f16");
  check_mma_16("bf16");
}

TEST(instructions, mma_tf32) {
  const Words in = input(named("mma_m16n8k8_tf32"));
  std::map<std::pair<int, int>, float> a, b;
  const auto element = [&](size_t i) { return std::bit_cast<float>(in[i] & 0xffffe000u); };
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane >> 2, in_group = lane % 4;
    for (int i = 0; i < 4; ++i) {
      a[{i == 0 || i == 2 ? group : group + 8, i < 2 ? in_group : in_group + 4}] = element(size_t(lane * 4 + i));
    }
    for (int i = 0; i < 2; ++i) b[{i == 0 ? in_group : in_group + 4, group}] = element(size_t(128 + lane * 2 + i));
  }
  CHECK_EQUAL(a.size(), size_t(16 * 8));
  CHECK_EQUAL(b.size(), size_t(8 * 8));
  check_lanes("mma_m16n8k8_tf32", 4, [&](int lane, int i) {
    const int row = i < 2 ? lane >> 2 : (lane >> 2) + 8, column = lane % 4 * 2 + (i & 1);
    float sum = std::bit_cast<float>(in[size_t(192 + lane * 4 + i)]);
    for (int k = 0; k < 8; ++k) sum += a.at({row, k}) * b.at({k, column});
    return std::bit_cast<uint32_t>(sum);
  });
}

TEST(instructions, mma_f64) {
  const Words in = input(named("mma_m8n8k4_f64"));
  check_lanes("mma_m8n8k4_f64", 2, [&](int lane, int i) {
    const int row = lane >> 2, column = lane % 4 * 2 + i;
    int sum = int(in[size_t(64 + lane * 2 + i)]);
    for (int k = 0; k < 4; ++k) sum += int(in[size_t(row * 4 + k)]) * int(in[size_t(32 + column * 4 + k)]);
    return uint32_t(sum);
  });
}

TEST(instructions, cp_async) {
  for (int bytes : {4, 8, 16}) {
    const std::string name = "cp_async_" + std::to_string(bytes);
    const Words in = input(named(name)), out = run(named(name));
    std::vector<unsigned char> wanted(in.size() * 4 * 2);
    std::memcpy(wanted.data(), in.data(), in.size() * 4);
    std::memcpy(wanted.data() + in.size() * 4, in.data(), in.size() * 4);
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = lane % (bytes + 1); i < bytes; ++i) wanted[size_t(lane * bytes + i)] = 0;
    }
    CHECK_EQUAL(out.size() * 4, wanted.size());
    CHECK_EQUAL(std::memcmp(out.data(), wanted.data(), wanted.size()), 0);
  }
}

TEST(instructions, shuffles) {
  const Words in = input(named("shuffles"));
  emulated::under_each_schedule([&] {
    const Words out = run(named("shuffles"));
    size_t at = 0;
    for (int width : {32, 8}) {
      for (int by : {1, 3, 6}) {
        for (int lane = 0; lane < 32; ++lane) {
          const int first = lane / width * width, end = first + width;
          const auto x = [&](int source) { return in[size_t(source)]; };
          const auto got = [&](size_t i) { return out[(at + i) * 32 + size_t(lane)]; };
          CHECK_EQUAL(got(0), x(first + lane * by % width));
          CHECK_EQUAL(got(1), x(lane - by >= first ? lane - by : lane));
          CHECK_EQUAL(got(2), x(lane + by < end ? lane + by : lane));
          CHECK_EQUAL(got(3), x((lane ^ by) < end ? lane ^ by : lane));
        }
        at += 4;
      }
    }
  });
}

TEST(instructions, votes) {
  const Words in = input(named("votes"));
  uint32_t set = 0, sum = 0, all_bits = 0;
  uint32_t smallest = ~0u, largest = 0;
  for (size_t i = 0; i < 32; ++i) {
    set |= uint32_t(in[i] % 3 == 0) << i;
    sum += in[i];
    all_bits ^= in[i];
    smallest = in[i] < smallest ? in[i] : smallest;
    largest = in[i] > largest ? in[i] : largest;
  }
  emulated::under_each_schedule([&] {
    const Words out = run(named("votes"));
    for (size_t lane = 0; lane < 32; ++lane) {
      uint32_t same = 0;
      for (size_t i = 0; i < 32; ++i) same |= uint32_t(in[i] % 5 == in[lane] % 5) << i;
      const uint32_t wanted[] = {set, 0, 1, same, 0, 0, sum, smallest, largest, all_bits};
      for (size_t i = 0; i < 10; ++i) CHECK_EQUAL(out[i * 32 + lane], wanted[i]);
    }
  });
}

TEST(instructions, conversions) {
  const Words in = input(named("conversions")), out = run(named("conversions"));
  for (size_t lane = 0; lane < 32; ++lane) {
    const float x = std::bit_cast<float>(in[lane]);
    const double beside = double(x) * (1 + 1e-12);
    if (std::isnan(x)) {
      for (size_t i = 0; i < 7; ++i) CHECK_EQUAL(out[i * 32 + lane], 1u);
      continue;
    }
    CHECK_EQUAL(out[0 * 32 + lane], uint32_t(to_half(x).bits));
    CHECK_EQUAL(out[1 * 32 + lane], uint32_t(to_bfloat16(x).bits));
    CHECK_EQUAL(out[2 * 32 + lane], uint32_t(to_half(beside).bits));
    CHECK_EQUAL(out[3 * 32 + lane], uint32_t(to_bfloat16(beside).bits));
    // The nearest number with 10 bits of fraction; of two, the one away from zero.
    const float down = std::bit_cast<float>(in[lane] & 0xffffe000u);
    const float up = std::bit_cast<float>((in[lane] & 0xffffe000u) + 0x2000u);
    const bool is_up = !std::isinf(x) && std::fabs(double(x) - down) >= std::fabs(double(up) - x);
    const bool beyond = std::isinf(up) && (in[lane] & 0x1000u);  // halfway to 2^128, which is infinity
    CHECK_EQUAL(out[4 * 32 + lane], std::bit_cast<uint32_t>((std::isinf(up) ? beyond : is_up) ? up : down));
  }
}

TEST(instructions, golden_traces) {
  int recorded = 0;
  for (const Instruction& instruction : instructions::kAll) {
    const std::string path = std::string(HOTLOOP_GOLDEN) + "/" + instruction.name + ".bin";
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) continue;
    Words golden(size_t(instruction.out_words));
    const size_t read = std::fread(golden.data(), 4, golden.size(), file);
    std::fclose(file);
    CHECK_EQUAL(read, golden.size());
    const Words out = run(instruction);
    for (size_t i = 0; i < out.size(); ++i) {
      if (out[i] != golden[i]) {
        check::report(__FILE__, __LINE__,
                      std::string(instruction.name) + ", word " + std::to_string(i) + ": the GPU gave another");
        break;
      }
    }
    ++recorded;
  }
  if (recorded == 0) throw check::Skipped{"not recorded on a GPU yet (record_golden.cu)"};
  CHECK_EQUAL(recorded, int(std::size(instructions::kAll)));
}
