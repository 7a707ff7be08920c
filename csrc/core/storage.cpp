#include "core/storage.h"

#include "core/memory.h"

namespace hotloop {

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  require_device(device);
  data_ = allocate(bytes);
}

Storage::Storage(void* data, size_t bytes, Device device, bool read_only, void* owner, Release release)
    : data_(data), bytes_(bytes), owner_(owner), release_(release), device_(device), read_only_(read_only) {}

Storage::~Storage() {
  if (release_)
    release_(owner_);
  else
    deallocate(data_, bytes_);
}

}  // namespace hotloop
