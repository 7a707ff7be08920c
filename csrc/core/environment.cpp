#include "core/environment.h"

#include "core/cpu_features.h"
#include "core/parallel.h"

namespace hotloop {

void check_environment() {
  check_isa_environment();
  check_threads_environment();
}

}  // namespace hotloop
