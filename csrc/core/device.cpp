#include "core/device.h"

#include "core/error.h"

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
  fail<ValueError>("device: expected 'cpu', 'cuda' or 'cuda:N', got '%s'", name.c_str());
}

bool cuda_is_available() { return false; }

const char* cuda_why_not() { return "hotloop was built without CUDA kernels"; }

void require_device(Device device) {
  if (device.type == DeviceType::cuda && !cuda_is_available())
    fail<RuntimeError>("device %s is not available: %s", to_string(device).c_str(), cuda_why_not());
}

}  // namespace hotloop
