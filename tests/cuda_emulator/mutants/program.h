// What the programs that judge a mutant share.
#pragma once

#include <cstdio>
#include <exception>
#include <functional>
#include <vector>

#include "array.h"

namespace mutants {

using emulated::Array;
namespace emulator = hotloop::emulator;

// 0 where all cases are right under each schedule; says what is wrong otherwise.
inline int run(const std::vector<std::function<bool()>>& cases) {
  using emulator::Schedule;
  for (Schedule schedule : {Schedule::greedy, Schedule::reverse, Schedule::random}) {
    for (size_t i = 0; i < cases.size(); ++i) {
      emulator::set_schedule(schedule, i);
      try {
        if (!cases[i]()) {
          std::printf("wrong result of case %zu, schedule %s\n", i, emulator::name(schedule));
          return 1;
        }
      } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
        return 1;
      }
    }
  }
  return 0;
}

}  // namespace mutants
