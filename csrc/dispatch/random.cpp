#include "dispatch/random.h"

#include "dispatch/list.h"

namespace hotloop {

HOTLOOP_KERNEL(random_uniform, RandomArgs)
HOTLOOP_KERNEL(random_normal, RandomArgs)
HOTLOOP_KERNEL(random_bernoulli, RandomArgs)
HOTLOOP_KERNEL(random_integers, RandomArgs)
HOTLOOP_KERNEL(dropout, DropoutArgs)
HOTLOOP_KERNEL(dropout_backward, DropoutBackwardArgs)

namespace dispatch {

namespace {

constexpr Candidate<RandomArgs> k_random_uniform[] = {HOTLOOP_CANDIDATES(random_uniform, kFloats, nullptr)};
constexpr Candidate<RandomArgs> k_random_normal[] = {HOTLOOP_CANDIDATES(random_normal, kFloats, nullptr)};
constexpr Candidate<RandomArgs> k_random_bernoulli[] = {HOTLOOP_CANDIDATES(random_bernoulli, kAllDTypes, nullptr)};
constexpr Candidate<RandomArgs> k_random_integers[] = {
    HOTLOOP_CANDIDATES(random_integers, kIntegers | kFloats, nullptr)};
constexpr Candidate<DropoutArgs> k_dropout[] = {HOTLOOP_CANDIDATES(dropout, kFloats, nullptr)};
constexpr Candidate<DropoutBackwardArgs> k_dropout_backward[] = {
    HOTLOOP_CANDIDATES(dropout_backward, kFloats, nullptr)};

}  // namespace

void random_uniform(const RandomArgs& args) { run("random_uniform", k_random_uniform, args.dtype, args); }
void random_normal(const RandomArgs& args) { run("random_normal", k_random_normal, args.dtype, args); }
void random_bernoulli(const RandomArgs& args) { run("random_bernoulli", k_random_bernoulli, args.dtype, args); }
void random_integers(const RandomArgs& args) { run("random_integers", k_random_integers, args.dtype, args); }
void dropout(const DropoutArgs& args) { run("dropout", k_dropout, args.dtype, args); }
void dropout_backward(const DropoutBackwardArgs& args) {
  run("dropout_backward", k_dropout_backward, args.dtype, args);
}

}  // namespace dispatch
}  // namespace hotloop
