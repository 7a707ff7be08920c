// How this library was built; the build system fills it in.
#pragma once

namespace hotloop {

struct BuildInfo {
  const char* version;
  const char* build_type;        // "Release"
  const char* compiler;          // "GNU 12.2.0"
  const char* sanitizers;        // "address,undefined"; empty where none
  const char* cuda;              // whether GPU code was built, and why not
  const char* instruction_sets;  // those compiled in, "baseline avx2 ..."
};
const BuildInfo& build_info();

}  // namespace hotloop
