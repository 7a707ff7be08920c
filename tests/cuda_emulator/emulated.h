// What tests of the emulator share: memory of the emulated GPU, and runs under each schedule.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "check.h"
#include "kernels/cuda/emulator/emulator.h"

namespace emulated {

namespace emulator = hotloop::emulator;

// An array in global memory that the host sees too.
template <class T>
class Array {
 public:
  explicit Array(size_t count) : count_(count), data_(static_cast<T*>(emulator::allocate(count * sizeof(T)))) {}
  Array(size_t count, const std::function<T(size_t)>& value) : Array(count) {
    for (size_t i = 0; i < count; ++i) data_[i] = value(i);
  }
  ~Array() { emulator::release(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) const { return data_[i]; }

 private:
  size_t count_;
  T* data_;
};

// Runs `body` under each schedule, some seeds of the random one included.
inline void under_each_schedule(const std::function<void()>& body) {
  emulator::set_schedule(emulator::Schedule::greedy, 0);
  body();
  emulator::set_schedule(emulator::Schedule::reverse, 0);
  body();
  for (uint64_t seed = 0; seed < 3; ++seed) {
    emulator::set_schedule(emulator::Schedule::random, seed);
    body();
  }
  emulator::set_schedule(emulator::Schedule::vary, 0);
}

// Checks that `body` throws this fault, under each schedule, with a message that holds all of these texts.
inline void check_fault(emulator::Fault fault, const std::vector<std::string>& texts,
                        const std::function<void()>& body) {
  under_each_schedule([&] {
    try {
      body();
    } catch (const emulator::EmulatorError& error) {
      if (error.fault != fault) {
        check::report(__FILE__, __LINE__, std::string("another fault: ") + error.what());
      }
      for (const std::string& text : texts) {
        if (std::string(error.what()).find(text) == std::string::npos) {
          check::report(__FILE__, __LINE__, "no '" + text + "' in: " + error.what());
        }
      }
      return;
    }
    check::report(__FILE__, __LINE__, std::string("not caught: ") + emulator::name(fault));
  });
}

}  // namespace emulated
