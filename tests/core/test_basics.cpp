// dtypes, 16-bit floats, errors, CPU features, CPU counts, the host lock.
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <unistd.h>

#include "check.h"
#include "core/cpu_count.h"
#include "core/cpu_features.h"
#include "core/dtype.h"
#include "core/environment.h"
#include "core/error.h"
#include "core/half.h"
#include "core/host_lock.h"
#include "core/parallel.h"

using namespace hotloop;

TEST(basics, dtype_names_and_sizes) {
  const char* names[] = {"bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64"};
  const size_t sizes[] = {1, 1, 1, 4, 8, 2, 2, 4, 8};
  for (int i = 0; i < kDTypeCount; ++i) {
    CHECK_EQUAL(std::string(name(DType(i))), std::string(names[i]));
    CHECK_EQUAL(itemsize(DType(i)), sizes[i]);
    CHECK_EQUAL(is_floating(DType(i)), i >= 5);
    CHECK_EQUAL(is_integral(DType(i)), i >= 1 && i <= 4);
  }
}

TEST(basics, dtype_promotion_is_pytorchs_table) {
  // Rows and columns in the order of the names; u8 with i8 is i32 (PyTorch: int16).
  const char* table[] = {
      "bool uint8 int8 int32 int64 float16 bfloat16 float32 float64",
      "uint8 uint8 int32 int32 int64 float16 bfloat16 float32 float64",
      "int8 int32 int8 int32 int64 float16 bfloat16 float32 float64",
      "int32 int32 int32 int32 int64 float16 bfloat16 float32 float64",
      "int64 int64 int64 int64 int64 float16 bfloat16 float32 float64",
      "float16 float16 float16 float16 float16 float16 float32 float32 float64",
      "bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 float32 bfloat16 float32 float64",
      "float32 float32 float32 float32 float32 float32 float32 float32 float64",
      "float64 float64 float64 float64 float64 float64 float64 float64 float64",
  };
  for (int a = 0; a < kDTypeCount; ++a) {
    std::string row;
    for (int b = 0; b < kDTypeCount; ++b) {
      row += std::string(b > 0 ? " " : "") + name(promote(DType(a), DType(b)));
    }
    CHECK_EQUAL(row, std::string(table[a]));
  }
}

namespace {

// The value of a half from the definition of the format.
double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

bool is_half_nan(uint16_t bits) { return (bits & 0x7fff) > 0x7c00; }

}  // namespace

TEST(basics, half_to_float_all) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float x = to_float(half_t{uint16_t(bits)});
    if (is_half_nan(uint16_t(bits))) {
      CHECK(std::isnan(x));
    } else if ((bits & 0x7fff) == 0x7c00) {
      CHECK(std::isinf(x) && std::signbit(x) == (bits >> 15 != 0));
    } else {
      CHECK(double(x) == half_value(uint16_t(bits)) && std::signbit(x) == (bits >> 15 != 0));
    }
    if (!is_half_nan(uint16_t(bits))) {
      CHECK_EQUAL(to_half(x).bits, uint16_t(bits));
      CHECK_EQUAL(to_half(double(x)).bits, uint16_t(bits));
    } else {
      CHECK(is_half_nan(to_half(x).bits));
    }
  }
}

TEST(basics, half_rounds_to_nearest_even) {
  // Between each two neighbours: the midpoint goes to the even one, a hair to either side to the nearer.
  for (uint16_t low = 0; low < 0x7c00; ++low) {
    const uint16_t high = uint16_t(low + 1);
    const double next = high == 0x7c00 ? 65536.0 : half_value(high);  // where infinity would stand
    const double middle = (half_value(low) + next) / 2;
    const uint16_t even = low % 2 == 0 ? low : high;
    for (int sign = 0; sign < 2; ++sign) {
      const uint16_t bit = uint16_t(sign << 15);
      const double factor = sign ? -1 : 1;
      CHECK_EQUAL(to_half(float(factor * middle)).bits, uint16_t(even | bit));
      CHECK_EQUAL(to_half(factor * middle).bits, uint16_t(even | bit));
      CHECK_EQUAL(to_half(std::nextafter(float(factor * middle), 0.0f)).bits, uint16_t(low | bit));
      CHECK_EQUAL(to_half(std::nextafter(float(factor * middle), float(factor) * 1e6f)).bits, uint16_t(high | bit));
      // So near the middle that a first rounding to f32 would land on it.
      CHECK_EQUAL(to_half(factor * std::nextafter(middle, 0.0)).bits, uint16_t(low | bit));
      CHECK_EQUAL(to_half(factor * std::nextafter(middle, 1e6)).bits, uint16_t(high | bit));
    }
  }
  CHECK_EQUAL(to_half(1e30).bits, uint16_t(0x7c00));
  CHECK_EQUAL(to_half(1e300).bits, uint16_t(0x7c00));
  CHECK_EQUAL(to_half(-1e-300).bits, uint16_t(0x8000));
  CHECK_EQUAL(to_half(-0.0f).bits, uint16_t(0x8000));
  CHECK(is_half_nan(to_half(-std::nan("")).bits));
}

TEST(basics, bfloat16_rounds_to_nearest_even) {
  for (uint32_t low = 0; low < 0x7f80; ++low) {
    const float x = std::bit_cast<float>(low << 16);
    CHECK_EQUAL(to_float(bfloat16_t{uint16_t(low)}), x);
    CHECK_EQUAL(to_bfloat16(x).bits, uint16_t(low));
    const float middle = std::bit_cast<float>(low << 16 | 0x8000);
    const uint16_t even = uint16_t(low % 2 == 0 ? low : low + 1);
    CHECK_EQUAL(to_bfloat16(middle).bits, even);
    CHECK_EQUAL(to_bfloat16(-middle).bits, uint16_t(even | 0x8000));
    CHECK_EQUAL(to_bfloat16(std::nextafter(double(middle), 0.0)).bits, uint16_t(low));
    CHECK_EQUAL(to_bfloat16(std::nextafter(double(middle), 1e300)).bits, uint16_t(low + 1));
  }
  CHECK_EQUAL(to_bfloat16(1e300).bits, uint16_t(0x7f80));
  CHECK_EQUAL(to_bfloat16(INFINITY).bits, uint16_t(0x7f80));
  const uint32_t signalling = 0x7f800001;  // its high half alone would read as infinity
  CHECK(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(signalling)))));
}

TEST(basics, errors_carry_their_message) {
  CHECK_EQUAL(check::message_of<ValueError>([] { fail<ValueError>("matmul: %d is not %s", 3, "four"); }),
              std::string("matmul: 3 is not four"));
  const std::string long_text(2000, 'x');
  CHECK_EQUAL(check::message_of<IndexError>([&] { fail<IndexError>("%s!", long_text.c_str()); }), long_text + "!");
  CHECK_EQUAL(check::message_of<Error>([] { fail<TypeError>("%%"); }), std::string("%"));
}

TEST(basics, isa_can_be_capped) {
  const Isa best = detected_isa();
  for (int i = 0; i <= int(best); ++i) {
    cap_isa(name(Isa(i)));
    CHECK_EQUAL(int(active_isa()), i);
  }
  CHECK_EQUAL(check::message_of<ValueError>([] { cap_isa("sse9"); }),
              std::string("cap_isa: unknown instruction set 'sse9'; valid are reference, baseline, avx2, avx512, "
                          "avx512_bf16, avx512_amx"));
  if (best < Isa::avx512_amx) {
    CHECK_EQUAL(check::message_of<ValueError>([] { cap_isa("avx512_amx"); }),
                std::string("cap_isa: this machine has no avx512_amx; its best is ") + name(best));
    CHECK(!may_use_tiles());
  }
  CHECK_EQUAL(int(active_isa()), int(best));
  CHECK(std::strlen(cpu_model()) > 0);
}

TEST(basics, environment_is_checked) {
  setenv("HOTLOOP_ISA", "mmx", 1);
  CHECK_EQUAL(check::message_of<ValueError>(check_environment),
              std::string("HOTLOOP_ISA: unknown instruction set 'mmx'; valid are reference, baseline, avx2, avx512, "
                          "avx512_bf16, avx512_amx"));
  setenv("HOTLOOP_ISA", "baseline", 1);
  check_environment();
  unsetenv("HOTLOOP_ISA");
  for (const char* bad : {"0", "-2", "two", "4x", "99999999999999999999"}) {
    setenv("HOTLOOP_NUM_THREADS", bad, 1);
    CHECK_EQUAL(check::message_of<ValueError>(check_environment),
                std::string("HOTLOOP_NUM_THREADS: must be a whole number between 1 and 1024, got '") + bad + "'");
  }
  setenv("HOTLOOP_NUM_THREADS", "8", 1);
  check_environment();
  unsetenv("HOTLOOP_NUM_THREADS");
}

namespace {

// A folder that plays /sys/fs/cgroup.
class CgroupTree {
 public:
  CgroupTree() : root_(std::filesystem::temp_directory_path() / ("hotloop_cgroup_" + std::to_string(getpid()))) {}
  ~CgroupTree() { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  int cpus(const std::string& membership) const { return cgroup_cpus(membership, root_.string()); }

 private:
  std::filesystem::path root_;
};

}  // namespace

TEST(basics, cgroup_v2_quota) {
  CgroupTree tree;
  CHECK_EQUAL(tree.cpus("0::/a/b\n"), 0);
  tree.write("a/b/cpu.max", "max 100000\n");
  CHECK_EQUAL(tree.cpus("0::/a/b\n"), 0);
  tree.write("a/b/cpu.max", "150000 100000\n");
  CHECK_EQUAL(tree.cpus("0::/a/b\n"), 2);
  tree.write("a/cpu.max", "100000 100000\n");  // a parent's limit holds for its children
  CHECK_EQUAL(tree.cpus("0::/a/b\n"), 1);
  tree.write("cpu.max", "300000 100000\n");
  CHECK_EQUAL(tree.cpus("0::/outside/the/namespace\n"), 3);
  CHECK_EQUAL(tree.cpus("0::/\n"), 3);
}

TEST(basics, cgroup_v1_quota) {
  CgroupTree tree;
  tree.write("cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  tree.write("cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  CHECK_EQUAL(tree.cpus("5:memory:/box\n4:cpu,cpuacct:/box\n"), 0);
  tree.write("cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  CHECK_EQUAL(tree.cpus("5:memory:/box\n4:cpu,cpuacct:/box\n"), 3);
  CHECK_EQUAL(tree.cpus("5:cpuset:/box\n"), 0);
  CHECK_EQUAL(tree.cpus("nonsense\n\n"), 0);
}

TEST(basics, usable_cpus_fit_the_affinity) {
  CHECK(usable_cpus() >= 1);
  CHECK(usable_cpus() <= affinity_cpus());
}

namespace {

int releases = 0, restores = 0;

}  // namespace

TEST(basics, host_lock_is_released_for_long_work) {
  set_host_lock({[]() -> void* {
                   ++releases;
                   return &releases;
                 },
                 [](void* state) { restores += state == &releases; }});
  {
    ReleaseHostLock not_held(kHostLockWork * 2);
  }
  CHECK_EQUAL(releases, 0);
  HoldsHostLock held;
  {
    ReleaseHostLock too_little(kHostLockWork);
  }
  CHECK_EQUAL(releases, 0);
  {
    ReleaseHostLock release(kHostLockWork + 1);
    CHECK(!host_lock_held);
    ReleaseHostLock inner(kHostLockWork + 1);  // nothing left to release
    CHECK_EQUAL(releases, 1);
  }
  CHECK(host_lock_held);
  CHECK_EQUAL(restores, 1);
  try {
    ReleaseHostLock release(kHostLockWork + 1);
    throw std::runtime_error("");
  } catch (const std::runtime_error&) {
  }
  CHECK(host_lock_held);
  CHECK_EQUAL(releases, 2);
  CHECK_EQUAL(restores, 2);
}
