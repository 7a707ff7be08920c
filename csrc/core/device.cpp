#include "core/device.h"

#include "core/error.h"
#include "core/gpu.h"

namespace hotloop {

std::string to_string(Device device) {
  if (device.type == DeviceType::cpu) return "cpu";
  return "cuda:" + std::to_string(int(device.index));
}

Device parse_device(const std::string& name) {
  if (name == "cpu") return {};
  if (name == "cuda") return {DeviceType::cuda, 0};
  if (name.rfind("cuda:", 0) == 0 && name.size() >= 6 && name.size() <= 7 &&
      name.find_first_not_of("0123456789", 5) == std::string::npos)
    return {DeviceType::cuda, int8_t(std::stoi(name.substr(5)))};
  fail<RuntimeError>("device: expected 'cpu', 'cuda' or 'cuda:N', got '%s'", name.c_str());
}

static thread_local Device device_by_default;
Device default_device() { return device_by_default; }
void set_default_device(Device device) {
  require_device(device);
  device_by_default = device;
}

bool cuda_is_available() { return gpu::device_count() > 0; }

const char* cuda_why_not() { return gpu::why_not(); }

void require_device(Device device) {
  if (device.type == DeviceType::cpu) return;
  const int count = gpu::device_count();
  if (count == 0) fail<RuntimeError>("device %s is not available: %s", to_string(device).c_str(), cuda_why_not());
  if (device.index >= count)
    fail<RuntimeError>("device %s is not available: this machine has cuda:0 to cuda:%d", to_string(device).c_str(),
                       count - 1);
}

}  // namespace hotloop
