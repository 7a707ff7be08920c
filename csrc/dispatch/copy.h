// Copies and fills (kernels/args/copy.h).
#pragma once

#include "kernels/args/copy.h"

namespace hotloop::dispatch {

void copy(const CopyArgs& args);

}  // namespace hotloop::dispatch
