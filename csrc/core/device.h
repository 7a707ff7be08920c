// Where a tensor lives.
#pragma once

#include <cstdint>
#include <string>

namespace hotloop {

enum class DeviceType : uint8_t { cpu, cuda };
constexpr int kDeviceTypes = 2;

struct Device {
  DeviceType type = DeviceType::cpu;
  int8_t index = 0;
  bool operator==(const Device&) const = default;
};

std::string to_string(Device device);          // "cpu", "cuda:0"
Device parse_device(const std::string& name);  // throws ValueError listing what is valid
// Throws RuntimeError saying why `device` can't be used here (no driver, built without CUDA, ...).
void require_device(Device device);
// Where tensors are made that no device is named for; of the calling thread.
Device default_device();
void set_default_device(Device device);
bool cuda_is_available();
const char* cuda_why_not();  // empty when available

}  // namespace hotloop
