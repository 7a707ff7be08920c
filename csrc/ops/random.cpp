// Random numbers. Each op takes its stretch of the generator's stream before it runs; a non-contiguous
// target is filled by way of a contiguous one, so that element i always gets number i.
#include "ops/random.h"

#include "core/error.h"
#include "dispatch/random.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using Fill = void (*)(const RandomArgs&);

template <Fill fill>
void random_cpu(Call& c) {
  RandomArgs args = c.attrs<RandomArgs>();
  args.out = c.outputs[0].data();
  if (args.n > 0) fill(args);
}

template <Fill fill>
constexpr OpRecord random_record(const char* name) {
  return {.name = name,
          .shape = [](Call&) {},
          .kernel = {random_cpu<fill>},
          .gradient = [](Gradient&) {},
          .attributes_bytes = sizeof(RandomArgs)};
}
const OpRecord uniform_op = random_record<dispatch::random_uniform>("uniform_");
const OpRecord normal_op = random_record<dispatch::random_normal>("normal_");
const OpRecord bernoulli_op = random_record<dispatch::random_bernoulli>("bernoulli_");
const OpRecord randint_op = random_record<dispatch::random_integers>("random_");

void run_random(const Tensor& out, const OpRecord& op, RandomArgs args, int64_t words, Generator& generator) {
  args.dtype = out.dtype();
  args.n = out.numel();
  const RandomState state = generator.next_offset(words);
  args.seed = state.seed;
  args.offset = state.offset;
  if (out.is_contiguous()) return call_into(out, op, {}, args);
  const Tensor dense = empty(out.sizes(), out.dtype(), out.device());
  call_into(dense, op, {}, args);
  copy_(out, dense);
}

void require_floating(const char* op, const Tensor& t) {
  if (!is_floating(t.dtype())) fail<RuntimeError>("%s: expected a floating point tensor, got %s", op, name(t.dtype()));
}

struct Dropout {
  double p;
  uint64_t seed, offset;
};

// Inputs: grad, mask. Its own gradient is the same step again.
Tensor dropout_backward(const Tensor& grad, const Tensor& mask, const Dropout& d);

const OpRecord dropout_backward_op{.name = "dropout_backward",
                                   .shape = [](Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); },
                                   .kernel = {[](Call& c) {
                                     const Tensor& grad = c.in(0);
                                     if (grad.numel() == 0) return;
                                     dispatch::dropout_backward({c.outputs[0].data(), grad.data(), c.in(1).data<bool>(),
                                                                 grad.dtype(), grad.numel(), c.attrs<Dropout>().p});
                                   }},
                                   .gradient =
                                       [](Gradient& g) {
                                         if (g.grad(0).defined())
                                           g.set(0, dropout_backward(g.grad(0), g.in(1), g.attrs<Dropout>()));
                                       },
                                   .saves = Saves::of(0b10),
                                   .attributes_bytes = sizeof(Dropout)};

Tensor dropout_backward(const Tensor& grad, const Tensor& mask, const Dropout& d) {
  return call(dropout_backward_op, {contiguous(grad), mask}, d);
}

// Outputs: out and the mask of what was kept.
const OpRecord dropout_op{.name = "dropout",
                          .shape =
                              [](Call& c) {
                                c.output(0, c.in(0).sizes(), c.in(0).dtype());
                                c.output(1, c.in(0).sizes(), DType::bool_);
                              },
                          .kernel = {[](Call& c) {
                            const Dropout& d = c.attrs<Dropout>();
                            const Tensor& x = c.in(0);
                            if (x.numel() == 0) return;
                            dispatch::dropout({c.outputs[0].data(), c.outputs[1].data<bool>(), x.data(), x.dtype(),
                                               x.numel(), d.seed, d.offset, d.p});
                          }},
                          .gradient =
                              [](Gradient& g) {
                                if (g.grad(0).defined())
                                  g.set(0, dropout_backward(g.grad(0), g.out(1), g.attrs<Dropout>()));
                              },
                          .saves = Saves::of(0, 0b10),
                          .attributes_bytes = sizeof(Dropout)};

}  // namespace

void uniform_(const Tensor& out, double low, double high, Generator& generator) {
  require_floating("uniform_", out);
  if (!(low <= high))
    fail<RuntimeError>("uniform_ expects to return a [from, to) range, but found from=%g > to=%g", low, high);
  RandomArgs args{};
  args.scale = high - low;
  args.shift = low;
  run_random(out, uniform_op, args, uniform_words(out.dtype(), out.numel()), generator);
}

void normal_(const Tensor& out, double mean, double std, Generator& generator) {
  require_floating("normal_", out);
  if (!(std >= 0)) fail<RuntimeError>("normal_ expects std >= 0.0, but found std %g", std);
  RandomArgs args{};
  args.scale = std;
  args.shift = mean;
  run_random(out, normal_op, args, normal_words(out.dtype(), out.numel()), generator);
}

void randint_(const Tensor& out, int64_t low, int64_t high, Generator& generator) {
  if (low >= high)
    fail<RuntimeError>("random_ expects 'from' to be less than 'to', but got from=%lld >= to=%lld",
                       static_cast<long long>(low), static_cast<long long>(high));
  RandomArgs args{};
  args.low = low;
  args.high = high;
  if (out.dtype() == DType::bool_) {
    // Booleans are drawn as bytes.
    const Tensor bytes = empty(out.sizes(), DType::u8, out.device());
    run_random(bytes, randint_op, args, integers_words(out.numel()), generator);
    return copy_(out, bytes);
  }
  run_random(out, randint_op, args, integers_words(out.numel()), generator);
}

void bernoulli_(const Tensor& out, double p, Generator& generator) {
  if (!(p >= 0 && p <= 1)) fail<RuntimeError>("bernoulli_ expects p to be in [0, 1], but got p=%g", p);
  RandomArgs args{};
  args.scale = p;
  run_random(out, bernoulli_op, args, bernoulli_words(out.numel()), generator);
}

Tensor randperm(int64_t n, DType dtype, Generator& generator) {
  if (n < 0) fail<RuntimeError>("randperm: n must be non-negative, got %lld", static_cast<long long>(n));
  // Fisher and Yates, from the end; a 64-bit word mod i is even to within i / 2^64.
  Tensor result = arange(int64_t(0), n, int64_t(1), DType::i64, Device{});
  const RandomState state = generator.next_offset(2 * n);
  int64_t* p = result.data<int64_t>();
  uint32_t words[4];
  for (int64_t i = n - 1; i > 0; --i) {
    const int64_t draws = n - 1 - i;
    if (draws % 2 == 0) philox_block(state.seed, state.offset + uint64_t(draws / 2), words);
    const uint32_t* pair = words + 2 * (draws % 2);
    const uint64_t draw = uint64_t(pair[0]) << 32 | pair[1];
    std::swap(p[i], p[draw % uint64_t(i + 1)]);
  }
  return dtype == DType::i64 ? result : to_dtype(result, dtype);
}

Tensor dropout(const Tensor& x, double p, bool training, Generator& generator) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>("dropout probability has to be between 0 and 1, but got %g", p);
  if (!training || p == 0) return x;
  require_floating("dropout", x);
  const RandomState state = generator.next_offset(bernoulli_words(x.numel()));
  return call(dropout_op, {contiguous(x)}, Dropout{p, state.seed, state.offset});
}

}  // namespace hotloop::ops
