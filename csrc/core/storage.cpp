#include "core/storage.h"

#include "core/gpu.h"
#include "core/memory.h"

namespace hotloop {

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  if (device.type == DeviceType::cpu) {
    data_ = allocate(bytes);
    return;
  }
  require_device(device);
  stream_ = gpu::current_stream(device.index);
  data_ = gpu::allocate(bytes, device.index, stream_);
}

Storage::Storage(void* data, size_t bytes, Device device, bool read_only, void* owner, Release release)
    : data_(data), bytes_(bytes), owner_(owner), release_(release), device_(device), read_only_(read_only) {}

Storage::~Storage() {
  if (release_)
    release_(owner_);
  else if (device_.type == DeviceType::cpu)
    deallocate(data_, bytes_);
  else
    gpu::deallocate(data_, bytes_, device_.index, stream_);
}

}  // namespace hotloop
