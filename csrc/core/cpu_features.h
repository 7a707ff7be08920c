// Which instruction sets this machine has, read once, and the cap a user or a test may set on them.
#pragma once

#include <cstdint>

namespace hotloop {

// Each level includes the ones before it. `reference` is the naive kernels alone, for tests; `baseline` uses no x86
// intrinsics at all.
enum class Isa : int { reference, baseline, avx2, avx512, avx512_bf16, avx512_amx };
constexpr int kIsaCount = 6;

const char* name(Isa isa);
Isa detected_isa();  // the best the machine (CPU and operating system) has
Isa active_isa();    // the lower of detected_isa() and the cap
// `isa` by name; throws ValueError listing the valid names, or when the machine lacks it.
// HOTLOOP_ISA sets the same cap at load.
void cap_isa(const char* isa);
// Whether this process may use the tile registers of avx512_amx. Linux gives them to a process that asks, which this
// does the first time; threads and children of the process have what it was given.
bool may_use_tiles();
const char* cpu_model();  // as the CPU names itself
// Bytes of a core's second cache; 1 MB where the system does not tell. Read once.
int64_t second_cache_bytes();
// From how many bytes on an output is better stored around the caches; tests set it.
int64_t far_store_bytes();
void set_far_store_bytes(int64_t bytes);
// How often a kernel, or a part of one, did so: for tests, which see no difference in the results.
int64_t far_stores();
void count_far_stores();
// Whether the CPU itself fetches sixteen rows that are read side by side, as Intel's do; asking for them is then slower.
bool fetches_many_rows();

// Throws ValueError when HOTLOOP_ISA holds what cap_isa would refuse; until then such a value is ignored.
void check_isa_environment();

}  // namespace hotloop
