// CRC-32C (Castagnoli): detects every burst of errors up to 32 bits and, at tensor sizes, misses
// others with chance 2^-32. For files, not against forgery.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotloop {

// Of `bytes` bytes, as RFC 3720 defines it. To go on from earlier bytes, give their checksum as `crc`.
uint32_t crc32c(const void* data, size_t bytes, uint32_t crc = 0);

// The same without the CPU's CRC instruction; what crc32c runs where there is none.
uint32_t crc32c_portable(const void* data, size_t bytes, uint32_t crc = 0);

}  // namespace hotloop
