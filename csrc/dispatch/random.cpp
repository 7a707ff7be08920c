#include "dispatch/random.h"

#include "dispatch/list.h"

namespace hotloop {

HOTLOOP_KERNEL(random_uniform, RandomArgs)
HOTLOOP_KERNEL(random_normal, RandomArgs)
HOTLOOP_KERNEL(random_bernoulli, RandomArgs)
HOTLOOP_KERNEL(random_integers, RandomArgs)
HOTLOOP_KERNEL(random_permutation, RandomArgs)
HOTLOOP_KERNEL(random_poisson, PoissonArgs)
HOTLOOP_KERNEL(dropout, DropoutArgs)
HOTLOOP_KERNEL(dropout_backward, DropoutBackwardArgs)

namespace dispatch {

namespace {

constexpr Candidate<RandomArgs> k_random_uniform[] = {HOTLOOP_CANDIDATES(random_uniform, kFloats, nullptr)};
constexpr GpuCandidate<RandomArgs> kGpu_random_uniform[] = {HOTLOOP_GPU_CANDIDATE(random_uniform, kFloats, nullptr)};
constexpr Candidate<RandomArgs> k_random_normal[] = {HOTLOOP_CANDIDATES(random_normal, kFloats, nullptr)};
constexpr GpuCandidate<RandomArgs> kGpu_random_normal[] = {HOTLOOP_GPU_CANDIDATE(random_normal, kFloats, nullptr)};
constexpr Candidate<RandomArgs> k_random_bernoulli[] = {HOTLOOP_CANDIDATES(random_bernoulli, kAllDTypes, nullptr)};
constexpr GpuCandidate<RandomArgs> kGpu_random_bernoulli[] = {
    HOTLOOP_GPU_CANDIDATE(random_bernoulli, kAllDTypes, nullptr)};
constexpr Candidate<RandomArgs> k_random_integers[] = {
    HOTLOOP_CANDIDATES(random_integers, kIntegers | kFloats, nullptr)};
constexpr GpuCandidate<RandomArgs> kGpu_random_integers[] = {
    HOTLOOP_GPU_CANDIDATE(random_integers, kIntegers | kFloats, nullptr)};
constexpr Candidate<RandomArgs> k_random_permutation[] = {HOTLOOP_CANDIDATES(random_permutation, kIntegers, nullptr)};
constexpr Candidate<PoissonArgs> k_random_poisson[] = {HOTLOOP_CANDIDATES(random_poisson, kFloats, nullptr)};
constexpr GpuCandidate<PoissonArgs> kGpu_random_poisson[] = {HOTLOOP_GPU_CANDIDATE(random_poisson, kFloats, nullptr)};
constexpr Candidate<DropoutArgs> k_dropout[] = {HOTLOOP_CANDIDATES(dropout, kFloats, nullptr)};
constexpr GpuCandidate<DropoutArgs> kGpu_dropout[] = {HOTLOOP_GPU_CANDIDATE(dropout, kFloats, nullptr)};
constexpr Candidate<DropoutBackwardArgs> k_dropout_backward[] = {
    HOTLOOP_CANDIDATES(dropout_backward, kFloats, nullptr)};
constexpr GpuCandidate<DropoutBackwardArgs> kGpu_dropout_backward[] = {
    HOTLOOP_GPU_CANDIDATE(dropout_backward, kFloats, nullptr)};

}  // namespace

void random_uniform(Device device, const RandomArgs& args) {
  run("random_uniform", k_random_uniform, kGpu_random_uniform, device, args.dtype, args);
}
void random_normal(Device device, const RandomArgs& args) {
  run("random_normal", k_random_normal, kGpu_random_normal, device, args.dtype, args);
}
void random_bernoulli(Device device, const RandomArgs& args) {
  run("random_bernoulli", k_random_bernoulli, kGpu_random_bernoulli, device, args.dtype, args);
}
void random_integers(Device device, const RandomArgs& args) {
  run("random_integers", k_random_integers, kGpu_random_integers, device, args.dtype, args);
}
void random_permutation(const RandomArgs& args) { run("random_permutation", k_random_permutation, args.dtype, args); }
void random_poisson(Device device, const PoissonArgs& args) {
  run("random_poisson", k_random_poisson, kGpu_random_poisson, device, args.dtype, args);
}
void dropout(Device device, const DropoutArgs& args) {
  run("dropout", k_dropout, kGpu_dropout, device, args.dtype, args);
}
void dropout_backward(Device device, const DropoutBackwardArgs& args) {
  run("dropout_backward", k_dropout_backward, kGpu_dropout_backward, device, args.dtype, args);
}

}  // namespace dispatch
}  // namespace hotloop
