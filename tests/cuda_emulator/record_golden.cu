// Runs each instruction of instructions.h on a GPU and writes what it gave to <folder>/<name>.bin, which the emulator's
// tests then compare with. Never run on a GPU yet. From the repository's root:
//
//   nvcc -std=c++20 -Icsrc -gencode arch=compute_80,code=compute_80 tests/cuda_emulator/record_golden.cu \
//     csrc/core/error.cpp -o record_golden && ./record_golden tests/cuda_emulator/golden
#include <cstdio>
#include <string>
#include <vector>

#include "instructions.h"

using hotloop::cuda::check;

namespace {

std::vector<uint32_t> run(const instructions::Instruction& instruction) {
  std::vector<uint32_t> in(size_t(instruction.in_words)), out(size_t(instruction.out_words));
  for (size_t i = 0; i < in.size(); ++i) in[i] = instruction.word(int(i));
  const auto here = std::source_location::current();
  void *device_in = nullptr, *device_out = nullptr;
  check(cudaMalloc(&device_in, in.size() * 4), "cudaMalloc", here);
  check(cudaMalloc(&device_out, out.size() * 4), "cudaMalloc", here);
  check(cudaMemcpy(device_in, in.data(), in.size() * 4, cudaMemcpyHostToDevice), "cudaMemcpy", here);
  hotloop::cuda::launch(nullptr, 1, 32, 0, instruction.kernel, static_cast<const uint32_t*>(device_in),
                        static_cast<uint32_t*>(device_out));
  check(cudaMemcpy(out.data(), device_out, out.size() * 4, cudaMemcpyDeviceToHost), "cudaMemcpy", here);
  check(cudaFree(device_in), "cudaFree", here);
  check(cudaFree(device_out), "cudaFree", here);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: record_golden <folder>\n");
    return 2;
  }
  try {
    for (const auto& instruction : instructions::kAll) {
      const std::vector<uint32_t> out = run(instruction);
      const std::string path = std::string(argv[1]) + "/" + instruction.name + ".bin";
      std::FILE* file = std::fopen(path.c_str(), "wb");
      if (file == nullptr || std::fwrite(out.data(), 4, out.size(), file) != out.size() || std::fclose(file) != 0) {
        std::fprintf(stderr, "%s can't be written\n", path.c_str());
        return 1;
      }
      std::printf("%s: %zu words\n", instruction.name, out.size());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
