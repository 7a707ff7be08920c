#include "core/build_info.h"

namespace hotloop {

const BuildInfo& build_info() {
  static constexpr BuildInfo info{HOTLOOP_VERSION,    HOTLOOP_BUILD_TYPE,  HOTLOOP_COMPILER,
                                  HOTLOOP_SANITIZERS, HOTLOOP_CUDA_STATUS, HOTLOOP_INSTRUCTION_SETS};
  return info;
}

}  // namespace hotloop
