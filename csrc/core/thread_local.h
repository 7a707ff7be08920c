// Variables of a thread on the hot path are found by one load where the loader has room for them in its static block.
// It has not in a build with CUDA's runtime, whose own variables would have to go there too.
#pragma once

#if defined(__ELF__) && !defined(HOTLOOP_CUDART)
#define HOTLOOP_STATIC_TLS [[gnu::tls_model("initial-exec")]]
#else
#define HOTLOOP_STATIC_TLS
#endif
