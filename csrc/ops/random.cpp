// Random numbers. Each op takes its stretch of the generator's stream before it runs; a non-contiguous
// target is filled by way of a contiguous one, so that element i always gets number i.
#include "ops/random.h"

#include <cmath>

#include "core/capture.h"
#include "core/error.h"
#include "dispatch/random.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "ops/shape.h"
#include "ops/sort.h"

namespace hotloop::ops {

namespace {

using Fill = void (*)(Device, const RandomArgs&);

template <Fill fill>
void launch_random(Call& c) {
  RandomArgs args = c.attrs<RandomArgs>();
  args.out = c.outputs[0].data();
  if (args.n > 0) fill(c.device, args);
}

template <Fill fill>
constexpr OpRecord random_record(const char* name) {
  return {.name = name,
          .shape = [](Call&) {},
          .kernel = every_device(launch_random<fill>),
          .gradient = [](Gradient&) {},
          .attributes_bytes = sizeof(RandomArgs)};
}
const OpRecord uniform_op = random_record<dispatch::random_uniform>("uniform_");
const OpRecord normal_op = random_record<dispatch::random_normal>("normal_");
const OpRecord bernoulli_op = random_record<dispatch::random_bernoulli>("bernoulli_");
// Of the CPU's generator whatever the device, so that a seed gives the same order.
const OpRecord randperm_op{.name = "randperm",
                           .shape = [](Call&) {},
                           .kernel = {[](Call& c) {
                             RandomArgs args = c.attrs<RandomArgs>();
                             args.out = c.outputs[0].data();
                             if (args.n > 0) dispatch::random_permutation(args);
                           }},
                           .attributes_bytes = sizeof(RandomArgs)};
const OpRecord randint_op = random_record<dispatch::random_integers>("random_");

void run_random(const Tensor& out, const OpRecord& op, RandomArgs args, int64_t words, Generator& generator) {
  args.dtype = out.dtype();
  args.n = out.numel();
  const auto [state, base] = gpu::take_numbers(generator, words, out.device());
  args.seed = state.seed;
  args.offset = state.offset;
  args.base = base;
  if (out.is_contiguous()) return call_into(out, op, {}, args);
  const Tensor dense = empty(out.sizes(), out.dtype(), out.device());
  call_into(dense, op, {}, args);
  copy_(out, dense);
}

bool on_host(const Tensor& x) { return x.device().type == DeviceType::cpu; }

void require_floating(const char* op, const Tensor& t) {
  if (!is_floating(t.dtype())) fail<DTypeError>("%s: expected a floating point tensor, got %s", op, name(t.dtype()));
}

struct Dropout {
  double p;
  uint64_t seed, offset;
  const RandomState* base;
};

// Inputs: grad, mask. Its own gradient is the same step again.
Tensor dropout_backward(const Tensor& grad, const Tensor& mask, const Dropout& d);

const OpRecord dropout_backward_op{.name = "dropout_backward",
                                   .shape = [](Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); },
                                   .kernel = every_device([](Call& c) {
                                     const Tensor& grad = c.in(0);
                                     if (grad.numel() == 0) return;
                                     dispatch::dropout_backward(c.device,
                                                                {c.outputs[0].data(), grad.data(), c.in(1).data<bool>(),
                                                                 grad.dtype(), grad.numel(), c.attrs<Dropout>().p});
                                   }),
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
                          .kernel = every_device([](Call& c) {
                            const Dropout& d = c.attrs<Dropout>();
                            const Tensor& x = c.in(0);
                            if (x.numel() == 0) return;
                            dispatch::dropout(c.device, {c.outputs[0].data(), c.outputs[1].data<bool>(), x.data(),
                                                         x.dtype(), x.numel(), d.seed, d.offset, d.p, d.base});
                          }),
                          .gradient =
                              [](Gradient& g) {
                                if (g.grad(0).defined())
                                  g.set(0, dropout_backward(g.grad(0), g.out(1), g.attrs<Dropout>()));
                              },
                          .saves = Saves::of(0, 0b10),
                          .attributes_bytes = sizeof(Dropout)};

struct PoissonDraw {
  uint64_t seed, offset;
  const RandomState* base;
};

const OpRecord poisson_op{.name = "poisson",
                          .shape = [](Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); },
                          .kernel = every_device([](Call& c) {
                            const PoissonDraw& d = c.attrs<PoissonDraw>();
                            const Tensor& rate = c.in(0);
                            if (rate.numel() == 0) return;
                            dispatch::random_poisson(c.device, {c.outputs[0].data(), rate.data(), rate.dtype(),
                                                                rate.numel(), d.seed, d.offset, d.base});
                          }),
                          .gradient =
                              [](Gradient& g) {
                                if (g.grad(0).defined()) g.set(0, zeros_like(g.grad(0)));
                              },
                          .attributes_bytes = sizeof(PoissonDraw)};

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

namespace {

// Uniform numbers of (0, 1]: logarithms of them are finite.
Tensor positive_uniform(const Tensor& like, Generator& generator) {
  const Tensor u = empty(like.sizes(), like.dtype(), like.device());
  uniform_(u, 0, 1, generator);
  return 1.0 - u;
}

}  // namespace

void exponential_(const Tensor& out, double lambda, Generator& generator) {
  require_floating("exponential_", out);
  if (!(lambda > 0)) fail<RuntimeError>("exponential_ expects lambda > 0.0, but found lambda=%g", lambda);
  copy_(out, log(positive_uniform(out, generator)) * (-1 / lambda));
}

void geometric_(const Tensor& out, double p, Generator& generator) {
  if (!(p > 0 && p < 1)) fail<RuntimeError>("geometric_ expects p to be in (0, 1), but got p=%g", p);
  const Tensor like = is_floating(out.dtype()) ? out : empty(out.sizes(), default_dtype(), out.device());
  copy_(out, ceil(log(positive_uniform(like, generator)) * (1 / std::log1p(-p))));
}

void cauchy_(const Tensor& out, double median, double sigma, Generator& generator) {
  require_floating("cauchy_", out);
  if (!(sigma > 0)) fail<RuntimeError>("cauchy_ expects sigma > 0.0, but found sigma=%g", sigma);
  const Tensor u = positive_uniform(out, generator);
  copy_(out, tan((u - 0.5) * 3.141592653589793) * sigma + median);
}

void log_normal_(const Tensor& out, double mean, double std, Generator& generator) {
  require_floating("log_normal_", out);
  if (!(std > 0)) fail<RuntimeError>("log_normal_ expects std > 0.0, but found std=%g", std);
  const Tensor z = empty(out.sizes(), out.dtype(), out.device());
  normal_(z, mean, std, generator);
  copy_(out, exp(z));
}

// A GPU isn't asked for its numbers, which would be waited for: there what is below 0 or above 1 counts as 0 or 1.
Tensor bernoulli(const Tensor& p, Generator& generator) {
  require_floating("bernoulli", p);
  if (on_host(p) && p.numel() > 0 && item(all(logical_and(ge(p, 0.0), le(p, 1.0)))).as_int() == 0)
    fail<RuntimeError>("bernoulli: Expected p_in >= 0 && p_in <= 1 to be true, but got a value outside");
  const Tensor u = empty(p.sizes(), p.dtype(), p.device());
  uniform_(u, 0, 1, generator);
  const Tensor drawn = ceil(p - u) + 0.0;  // what lt(u, p) is, with a gradient of zeros; -0 becomes 0
  return on_host(p) ? drawn : clamp_scalar(drawn, 0, 1);
}

// Of a negative rate a GPU draws 0.
Tensor poisson(const Tensor& rate, Generator& generator) {
  require_floating("poisson", rate);
  if (on_host(rate) && rate.numel() > 0 && !(item(amin(rate)).as_double() >= 0))
    fail<RuntimeError>("poisson: invalid Poisson rate, expected rate to be non-negative");
  const auto [state, base] = gpu::take_numbers(generator, 4 * rate.numel(), rate.device());  // a block an element
  return call(poisson_op, {contiguous(rate)}, PoissonDraw{state.seed, state.offset, base});
}

Tensor normal(const Tensor& mean, const Tensor& std, Generator& generator) {
  const Dims sizes = broadcast_shape("normal", mean.sizes(), std.sizes());
  const Tensor typed = mean->wrapped_number ? std : mean;
  const Tensor z = empty(sizes, is_floating(typed.dtype()) ? typed.dtype() : default_dtype(), typed.device());
  normal_(z, 0, 1, generator);
  if (std.numel() > 0 && item(amin(std)).as_double() < 0)
    fail<RuntimeError>("normal expects all elements of std >= 0.0");
  return z * std + mean;
}

Tensor multinomial(const Tensor& weights, int64_t count, bool replacement, Generator& generator) {
  require_floating("multinomial", weights);
  const int ndim = weights.ndim();
  if (ndim != 1 && ndim != 2)
    fail<RuntimeError>("multinomial: prob_dist must be 1 or 2 dim, got shape %s", to_string(weights.sizes()).c_str());
  const int64_t n = weights.size(ndim - 1);
  if (count <= 0)
    fail<RuntimeError>("multinomial: cannot sample n_sample <= 0 samples, got %lld", static_cast<long long>(count));
  if (!replacement && count > n)
    fail<RuntimeError>(
        "multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement, got %lld "
        "of %lld",
        static_cast<long long>(count), static_cast<long long>(n));
  const char* no_weight = "multinomial: invalid multinomial distribution (sum of probabilities <= 0)";
  if (n == 0) fail<RuntimeError>("%s", no_weight);
  const Tensor wide = weights.dtype() == DType::f64 ? weights : to_dtype(weights, DType::f32);
  const Tensor totals = replacement ? cumsum(wide, -1, DType::f64) : sum(wide, Dims{-1}, true);
  const Tensor total = replacement ? contiguous(narrow(totals, -1, n - 1, 1)) : totals;
  if (weights.numel() > 0) {  // NaN and infinity show in the sums
    if (!(item(amin(weights)).as_double() >= 0 && item(amax(total)).as_double() < __builtin_inf()))
      fail<RuntimeError>("multinomial: probability tensor contains either `inf`, `nan` or element < 0");
    if (!(item(amin(total)).as_double() > 0)) fail<RuntimeError>("%s", no_weight);
  }
  if (!replacement) {
    // The largest of w / e, e exponential, is an index drawn by weight (Efraimidis and Spirakis 2006).
    const Tensor e = empty(weights.sizes(), weights.dtype() == DType::f64 ? DType::f64 : DType::f32, weights.device());
    exponential_(e, 1, generator);
    return std::get<1>(topk(weights / maximum(e, number(1e-30)), count, -1, true));
  }
  Dims sizes = weights.sizes();
  sizes[ndim - 1] = count;
  const Tensor u = empty(sizes, DType::f64, weights.device());
  uniform_(u, 0, 1, generator);
  const Tensor drawn = searchsorted("multinomial", totals, u * total, true, Tensor());
  return minimum(drawn, number(n - 1));
}

Tensor randperm(int64_t n, DType dtype, Generator& generator) {
  if (n < 0) fail<RuntimeError>("randperm: n must be non-negative, got %lld", static_cast<long long>(n));
  const Tensor result = empty({n}, DType::i64, Device{});
  run_random(result, randperm_op, RandomArgs{}, 2 * n, generator);
  return dtype == DType::i64 ? result : to_dtype(result, dtype);
}

Tensor dropout(const Tensor& x, double p, bool training, Generator& generator) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>("dropout probability has to be between 0 and 1, but got %g", p);
  if (!training || p == 0) return x;
  require_floating("dropout", x);
  const auto [state, base] = gpu::take_numbers(generator, bernoulli_words(x.numel()), x.device());
  return call(dropout_op, {contiguous(x)}, Dropout{p, state.seed, state.offset, base});
}

Records random_records() {
  return {&uniform_op,  &normal_op,  &bernoulli_op,        &randint_op,
          &randperm_op, &poisson_op, &dropout_backward_op, &dropout_op};
}

}  // namespace hotloop::ops
