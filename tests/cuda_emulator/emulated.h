// What tests of the emulator share: runs under each schedule, and faults that must be found.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "array.h"
#include "check.h"
#include "kernels/cuda/emulator/emulator.h"

namespace emulated {

// Runs `body` under each schedule, some seeds of the random one included.
inline void under_each_schedule(const std::function<void()>& body) {
  emulator::set_schedule(emulator::Schedule::greedy, 0);
  body();
  emulator::set_schedule(emulator::Schedule::reverse, 0);
  body();
  for (uint64_t seed = 0; seed < 3; ++seed) {
    emulator::set_schedule(emulator::Schedule::random, seed);
    body();
  }
  emulator::set_schedule(emulator::Schedule::vary, 0);
}

// Checks that `body` throws this fault, under each schedule, with a message that holds all of these texts.
inline void check_fault(emulator::Fault fault, const std::vector<std::string>& texts,
                        const std::function<void()>& body) {
  under_each_schedule([&] {
    try {
      body();
    } catch (const emulator::EmulatorError& error) {
      if (error.fault != fault) {
        check::report(__FILE__, __LINE__, std::string("another fault: ") + error.what());
      }
      for (const std::string& text : texts) {
        if (std::string(error.what()).find(text) == std::string::npos) {
          check::report(__FILE__, __LINE__, "no '" + text + "' in: " + error.what());
        }
      }
      return;
    }
    check::report(__FILE__, __LINE__, std::string("not caught: ") + emulator::name(fault));
  });
}

}  // namespace emulated
