// The environment variables that core reads: HOTLOOP_ISA and HOTLOOP_NUM_THREADS.
#pragma once

namespace hotloop {

// Throws ValueError naming the variable, its value and what is valid. To be called once at import:
// what reads a variable earlier ignores a bad value, for nothing may throw while a library loads.
void check_environment();

}  // namespace hotloop
