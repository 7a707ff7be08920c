// Judges the library's products on the tensor cores: 16-bit ones, and f32 as tf32.
#include "check_sm80_matmul.h"
#include "core/half.h"

namespace hotloop::sm80 {
void matmul_mma(const MatmulArgs& args, void* stream);
void matmul_tf32(const MatmulArgs& args, void* stream);
}  // namespace hotloop::sm80

int main() {
  using hotloop::half_t;
  std::vector<std::function<bool()>> cases;
  for (const mutants::MatmulCase& c : mutants::matmul_cases(32, 32)) {
    cases.push_back([c] {
      return mutants::is_right<half_t>(
          c, hotloop::DType::f16, hotloop::sm80::matmul_mma, [](double x) { return hotloop::to_half(float(x)); },
          [](half_t x) { return double(hotloop::to_float(x)); });
    });
  }
  for (const mutants::MatmulCase& c : mutants::matmul_cases(32, 16)) {
    cases.push_back([c] {
      return mutants::is_right<float>(
          c, hotloop::DType::f32, hotloop::sm80::matmul_tf32, [](double x) { return float(x); },
          [](float x) { return double(x); });
    });
  }
  return mutants::run(cases);
}
