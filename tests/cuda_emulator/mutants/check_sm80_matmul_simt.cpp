// Judges the library's product by one multiply-add at a time: f32, whose elements are copied asynchronously, and i8.
#include "check_sm80_matmul.h"

namespace hotloop::sm80 {
void matmul(const MatmulArgs& args, void* stream);
void matmul_mma(const MatmulArgs&, void*) {}  // what it calls for 16-bit floats
}  // namespace hotloop::sm80

namespace {

template <class T>
bool is_right(const mutants::MatmulCase& c, hotloop::DType dtype) {
  return mutants::is_right<T>(
      c, dtype, hotloop::sm80::matmul, [](double x) { return T(int(x)); }, [](T x) { return double(x); });
}

}  // namespace

int main() {
  std::vector<std::function<bool()>> cases;
  for (const mutants::MatmulCase& c : mutants::matmul_cases(16, 16)) {
    cases.push_back([c] { return is_right<float>(c, hotloop::DType::f32); });
    cases.push_back([c] { return is_right<int8_t>(c, hotloop::DType::i8); });
  }
  return mutants::run(cases);
}
