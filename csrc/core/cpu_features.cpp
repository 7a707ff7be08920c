#include "core/cpu_features.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__linux__) && defined(HOTLOOP_X86)
#include <sys/syscall.h>
#endif
#include <sys/utsname.h>
#include <unistd.h>

#include "core/error.h"

#if defined(HOTLOOP_X86)
#include <cpuid.h>
#endif

namespace hotloop {

namespace {

constexpr const char* kNames[kIsaCount] = {"reference", "baseline", "avx2", "avx512", "avx512_bf16", "avx512_amx"};

#if defined(HOTLOOP_X86)

bool bit(uint32_t word, int index) { return word >> index & 1u; }

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero for a leaf that the CPU does not have.
Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

// Which register states the operating system saves on a context switch.
uint32_t enabled_states() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// Linux's register states on demand, from its own header asm/prctl.h, which older systems lack.
#if defined(__linux__)
constexpr int kTileData = 18, kGetSupported = 0x1021, kRequest = 0x1023;

bool system_has_tiles() {
  unsigned long states = 0;
  return syscall(SYS_arch_prctl, kGetSupported, &states) == 0 && (states >> kTileData & 1);
}
bool request_tiles() { return syscall(SYS_arch_prctl, kRequest, kTileData) == 0; }
#else
bool system_has_tiles() { return false; }
bool request_tiles() { return false; }
#endif

Isa detect() {
  constexpr uint32_t kYmmState = 0x06, kZmmState = 0xe6;
  const Registers basic = cpuid(1, 0);
  const bool fma = bit(basic.ecx, 12), xgetbv = bit(basic.ecx, 27), avx = bit(basic.ecx, 28);
  const bool f16c = bit(basic.ecx, 29);
  const uint32_t states = xgetbv ? enabled_states() : 0;
  const Registers extended = cpuid(7, 0);
  const bool avx2 = bit(extended.ebx, 5);
  if (!(avx && fma && f16c && avx2 && (states & kYmmState) == kYmmState)) {
    return Isa::baseline;
  }
  const bool f = bit(extended.ebx, 16), dq = bit(extended.ebx, 17), cd = bit(extended.ebx, 28);
  const bool bw = bit(extended.ebx, 30), vl = bit(extended.ebx, 31);
  if (!(f && dq && cd && bw && vl && (states & kZmmState) == kZmmState)) {
    return Isa::avx2;
  }
  const bool vnni = bit(extended.ecx, 11), bf16 = bit(cpuid(7, 1).eax, 5);
  if (!(vnni && bf16)) return Isa::avx512;
  constexpr uint32_t kTileStates = 0x60000;
  const bool amx_bf16 = bit(extended.edx, 22), amx_tile = bit(extended.edx, 24);
  const bool tiles = amx_bf16 && amx_tile && (states & kTileStates) == kTileStates && system_has_tiles();
  return tiles ? Isa::avx512_amx : Isa::avx512_bf16;
}

std::string read_model() {
  uint32_t text[13] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002u + i, 0);
    const uint32_t words[4] = {r.eax, r.ebx, r.ecx, r.edx};
    std::memcpy(text + 4 * i, words, sizeof words);
  }
  std::string model = reinterpret_cast<const char*>(text);
  model.erase(0, model.find_first_not_of(' '));
  model.erase(model.find_last_not_of(' ') + 1);
  return model.empty() ? "x86-64" : model;
}

bool made_by_intel() {
  const Registers r = cpuid(0, 0);
  return r.ebx == 0x756e6547u && r.edx == 0x49656e69u && r.ecx == 0x6c65746eu;  // "Genu", "ineI", "ntel"
}

#else

Isa detect() { return Isa::baseline; }
bool request_tiles() { return false; }
bool made_by_intel() { return false; }

std::string read_model() {
  utsname system;
  return uname(&system) == 0 ? system.machine : "unknown";
}

#endif

// `source` says in the message where the value came from.
Isa parse_isa(const char* source, const char* value) {
  for (int i = 0; i < kIsaCount; ++i) {
    if (std::strcmp(value, kNames[i]) == 0) {
      if (i > int(detected_isa())) {
        fail<ValueError>("%s: this machine has no %s; its best is %s", source, value, name(detected_isa()));
      }
      return Isa(i);
    }
  }
  fail<ValueError>(
      "%s: unknown instruction set '%s'; valid are reference, baseline, avx2, avx512, avx512_bf16, avx512_amx", source,
      value);
}

// What HOTLOOP_ISA says, or the machine's best where it is unset or wrong (check_environment complains).
Isa initial_isa() {
  const char* value = std::getenv("HOTLOOP_ISA");
  if (value == nullptr || *value == '\0') {
    return detected_isa();
  }
  try {
    return parse_isa("HOTLOOP_ISA", value);
  } catch (const ValueError&) {
    return detected_isa();
  }
}

std::atomic<Isa>& active() {
  static std::atomic<Isa> isa{initial_isa()};
  return isa;
}

std::atomic<int64_t> far_count{0};

// A third cache over 64 times the second is a server's: shared by its many cores and hardly nearer than memory. Any other
// is near and this core's to use.
std::atomic<int64_t>& far_limit() {
  static std::atomic<int64_t> bytes = [] {
    const int64_t second = second_cache_bytes();
#if defined(_SC_LEVEL3_CACHE_SIZE)
    const int64_t third = sysconf(_SC_LEVEL3_CACHE_SIZE);
#else
    constexpr int64_t third = 0;
#endif
    return third > 64 * second ? 3 * second : std::max(third / 2, 8 * second);
  }();
  return bytes;
}

}  // namespace

const char* name(Isa isa) { return kNames[int(isa)]; }

Isa detected_isa() {
  static const Isa isa = detect();
  return isa;
}

bool may_use_tiles() {
  // Asking twice does no harm, so that no lock is needed, which a fork could leave held.
  enum Answer { not_asked, yes, no };
  static std::atomic<Answer> answer{not_asked};
  if (answer.load(std::memory_order_relaxed) == not_asked) [[unlikely]]
    answer.store(detected_isa() >= Isa::avx512_amx && request_tiles() ? yes : no, std::memory_order_relaxed);
  return answer.load(std::memory_order_relaxed) == yes;
}

Isa active_isa() { return active().load(std::memory_order_relaxed); }

void cap_isa(const char* isa) { active().store(parse_isa("cap_isa", isa), std::memory_order_relaxed); }

int64_t second_cache_bytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  static const int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#else
  constexpr int64_t bytes = 0;
#endif
  return bytes > 0 ? bytes : 1 << 20;
}

int64_t far_store_bytes() { return far_limit().load(std::memory_order_relaxed); }

void set_far_store_bytes(int64_t bytes) { far_limit().store(bytes, std::memory_order_relaxed); }

int64_t far_stores() { return far_count.load(std::memory_order_relaxed); }

void count_far_stores() { far_count.fetch_add(1, std::memory_order_relaxed); }

bool fetches_many_rows() {
  static const bool intel = made_by_intel();
  return intel;
}

const char* cpu_model() {
  static const std::string model = read_model();
  return model.c_str();
}

void check_isa_environment() {
  const char* value = std::getenv("HOTLOOP_ISA");
  if (value != nullptr && *value != '\0') {
    parse_isa("HOTLOOP_ISA", value);
  }
}

}  // namespace hotloop
