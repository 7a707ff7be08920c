// A place in a stream of random numbers (random.h).
#pragma once

#include <cstdint>

namespace hotloop {

struct RandomState {
  uint64_t seed;
  uint64_t offset;  // the next block not yet used
};

}  // namespace hotloop
