// What GCC's -fsanitize=alignment,bounds,shift makes kernels call where they access what is not aligned to its type,
// an element beyond an array in registers, or shift too far. Outside of kernels these do nothing.
#include <cstdint>

#include "kernels/cuda/emulator/worker.h"

using hotloop::emulator::Entered;
using hotloop::emulator::Fault;
using hotloop::emulator::hooked_worker;

namespace {

// The start of what the compiler says of the place.
struct Place {
  const char* file;
  uint32_t line, column;
};

[[noreturn]] void fail_at(const Entered& worker, const Place* place, Fault fault, const std::string& what) {
  worker->fail_here(fault, what + ", at " + place->file + ":" + std::to_string(place->line));
}

struct TypeMismatch {
  Place place;
  const void* type;
  unsigned char log_alignment, kind;
};

}  // namespace

extern "C" {

void __ubsan_handle_type_mismatch_v1(TypeMismatch* data, void* p) {
  if (hooked_worker == nullptr) return;
  const Entered worker;
  const unsigned bytes = 1u << data->log_alignment;
  fail_at(worker, &data->place, p == nullptr ? Fault::host_memory : Fault::misaligned,
          p == nullptr ? std::string("accesses null")
                       : "accesses what must be aligned to " + std::to_string(bytes) + " bytes at " + worker->where(p));
}

void __ubsan_handle_out_of_bounds(Place* place, uintptr_t index) {
  if (hooked_worker == nullptr) return;
  const Entered worker;
  fail_at(worker, place, Fault::out_of_bounds,
          "uses the element " + std::to_string(intptr_t(index)) + " of a shorter array");
}

void __ubsan_handle_shift_out_of_bounds(Place* place, uintptr_t, uintptr_t by) {
  if (hooked_worker == nullptr) return;
  const Entered worker;
  fail_at(worker, place, Fault::out_of_bounds, "shifts by " + std::to_string(intptr_t(by)) + " bits");
}

}  // extern "C"
