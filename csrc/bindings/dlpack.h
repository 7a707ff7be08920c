// The C structs of DLPack 1.0, written from its specification
// (https://dmlc.github.io/dlpack/latest/c_api.html): how array libraries hand memory to each other.
#pragma once

#include <cstdint>

namespace hotloop::dlpack {

constexpr uint32_t kMajor = 1, kMinor = 0;  // what this code writes, and the major version that it reads

enum DeviceType : int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3, kCudaManaged = 13 };
enum TypeCode : uint8_t { kTypeInt = 0, kTypeUInt = 1, kTypeFloat = 2, kTypeBfloat = 4, kTypeBool = 6 };
constexpr uint64_t kReadOnly = 1, kIsCopied = 2;  // flags

struct Device {
  int32_t type;
  int32_t id;
};

struct DataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct Array {
  void* data;  // may be null where there are no elements
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null: row-major
  uint64_t byte_offset;
};

// In a capsule named "dltensor" until it is taken, "used_dltensor" from then on.
struct Managed {
  Array array;
  void* context;
  void (*deleter)(Managed*);
  static constexpr const char* kName = "dltensor";
  static constexpr const char* kUsed = "used_dltensor";
};

// The same since 1.0: "dltensor_versioned" and "used_dltensor_versioned".
struct ManagedVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  Array array;
  static constexpr const char* kName = "dltensor_versioned";
  static constexpr const char* kUsed = "used_dltensor_versioned";
};

}  // namespace hotloop::dlpack
