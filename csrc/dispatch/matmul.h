// Matrix products through the list of kernels.
#pragma once

#include "core/cpu_features.h"
#include "core/device.h"
#include "kernels/args/matmul.h"

namespace hotloop::dispatch {

// Empty products do nothing; k == 0 gives the epilogue of zeros. The contract: kernels/args/matmul.h.
void matmul(Device device, const MatmulArgs& args);

// What f32 products on a GPU may take their operands for, in the whole process; read at each product. Products on the
// CPU, and all that is not f32, know no difference.
enum class Float32Precision : uint8_t {
  highest,  // f32
  high,     // tf32, 10 bits of fraction, on the tensor cores
  medium,   // the same
};
void set_float32_matmul_precision(Float32Precision precision);
Float32Precision float32_matmul_precision();

// A matrix B (k, n) packed once for the instruction set that is active, to be multiplied many times.
class PackedMatrix {
 public:
  PackedMatrix(DType dtype, int64_t k, int64_t n, const void* b, int64_t row_stride, int64_t col_stride);
  ~PackedMatrix();
  PackedMatrix(const PackedMatrix&) = delete;
  PackedMatrix& operator=(const PackedMatrix&) = delete;

  // args without b. Runs the kernels of the instruction set that packed, whatever is active now.
  void multiply(MatmulArgs args) const;
  int64_t bytes() const { return bytes_; }

 private:
  DType dtype_;
  Isa isa_;
  int64_t k_, n_, bytes_;
  void* data_;
};

}  // namespace hotloop::dispatch
