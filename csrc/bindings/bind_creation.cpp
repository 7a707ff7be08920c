#include <cmath>

#include "bindings/arguments.h"
#include "bindings/autograd_types.h"
#include "bindings/tables.h"
#include "bindings/types.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

using MaybeDType = std::optional<DType>;
using MaybeDevice = std::optional<Device>;

Device device_or_default(const MaybeDevice& device) {
  const Device d = device.value_or(default_device());
  require_device(d);
  return d;
}

Tensor finished(Tensor t, bool requires_grad) {
  t->inference = thread_state.inference_mode;
  if (requires_grad) set_requires_grad(t, true);
  return t;
}

void check_sizes(const char* op, const Dims& sizes) {
  for (int64_t s : sizes)
    if (s < 0)
      fail<RuntimeError>("%s: Trying to create tensor with negative dimension %lld: %s", op, static_cast<long long>(s),
                         to_string(sizes).c_str());
}

Tensor filled(const char* op, const Dims& sizes, const Scalar& value, DType dtype, const MaybeDevice& device) {
  check_sizes(op, sizes);
  if (value.kind == Scalar::floating) return ops::full(sizes, value.f, dtype, device_or_default(device));
  return ops::full(sizes, value.i, dtype, device_or_default(device));
}

DType dtype_of(const Scalar& value) {
  return value.kind == Scalar::floating  ? ops::default_dtype()
         : value.kind == Scalar::integer ? DType::i64
                                         : DType::bool_;
}

template <int value>
Tensor constant(const Dims& sizes, const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
  return finished(filled(value ? "ones" : "zeros", sizes, Scalar(value), dtype.value_or(ops::default_dtype()), device),
                  requires_grad);
}

template <int value>
Tensor constant_like(const Tensor& x, const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
  return finished(ops::full(x.sizes(), int64_t(value), dtype.value_or(x.dtype()), device.value_or(x.device())),
                  requires_grad);
}

template <int value>
Tensor new_constant(const Tensor& x, const Dims& sizes, const MaybeDType& dtype, const MaybeDevice& device,
                    bool requires_grad) {
  return constant<value>(sizes, dtype.value_or(x.dtype()), device.value_or(x.device()), requires_grad);
}

Tensor empty_like(const Tensor& x, const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
  return finished(empty(x.sizes(), dtype.value_or(x.dtype()), device.value_or(x.device())), requires_grad);
}

Tensor arange(const Scalar& first, const std::optional<Scalar>& second, const Scalar& step, const MaybeDType& dtype,
              const MaybeDevice& device, bool requires_grad) {
  const Scalar start = second ? first : Scalar(int64_t(0)), end = second ? *second : first;
  const bool floating = start.kind == Scalar::floating || end.kind == Scalar::floating || step.kind == Scalar::floating;
  const DType type = dtype.value_or(floating ? ops::default_dtype() : DType::i64);
  const Device where = device_or_default(device);
  if (floating && is_floating(type))
    return finished(ops::arange(start.as_double(), end.as_double(), step.as_double(), type, where), requires_grad);
  if (floating && type != DType::i64) {
    // As PyTorch counts: as many numbers as the ends as they are leave room for, between whole ones.
    const double count = std::ceil((end.as_double() - start.as_double()) / step.as_double());
    if (count > 0 && std::isfinite(count) && step.as_int() != 0)
      return finished(
          ops::arange(start.as_int(), start.as_int() + int64_t(count) * step.as_int(), step.as_int(), type, where),
          requires_grad);
  }
  return finished(ops::arange(start.as_int(), end.as_int(), step.as_int(), type, where), requires_grad);
}

// Whole dtypes count between whole ends.
double end_of(double value, DType dtype) { return is_floating(dtype) ? value : std::trunc(value); }

DType floating_or_default(const char* op, const MaybeDType& dtype) {
  const DType type = dtype.value_or(ops::default_dtype());
  if (!is_floating(type)) fail<RuntimeError>("%s: expected a floating point dtype, got %s", op, name(type));
  return type;
}

// rand and randn: the op's name and what fills the memory with numbers of (0, 1).
struct Uniform {
  static constexpr const char* name = "rand";
  static void fill(const Tensor& t, Generator& g) { ops::uniform_(t, 0, 1, g); }
};
struct Normal {
  static constexpr const char* name = "randn";
  static void fill(const Tensor& t, Generator& g) { ops::normal_(t, 0, 1, g); }
};

template <class Distribution>
Tensor random(const Dims& sizes, Generator* generator, const MaybeDType& dtype, const MaybeDevice& device,
              bool requires_grad) {
  check_sizes(Distribution::name, sizes);
  const Tensor t = empty(sizes, floating_or_default(Distribution::name, dtype), device_or_default(device));
  Distribution::fill(t, *generator);
  return finished(t, requires_grad);
}

template <class Distribution>
Tensor random_like(const Tensor& x, Generator* generator, const MaybeDType& dtype, const MaybeDevice& device,
                   bool requires_grad) {
  return random<Distribution>(x.sizes(), generator, dtype.value_or(x.dtype()), device.value_or(x.device()),
                              requires_grad);
}

// randint(high, size) and randint(low, high, size).
Tensor randint(int64_t first, const py::object& second, const py::object& third, Generator* generator,
               const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
  const bool two = !third.is_none();
  const int64_t low = two ? first : 0, high = two ? integer_of("randint", "high", second) : first;
  Dims sizes;
  for (const int64_t size : integers_of("randint", "size", two ? third : second)) sizes.push(size);
  check_sizes("randint", sizes);
  Tensor t = empty(sizes, dtype.value_or(DType::i64), device_or_default(device));
  ops::randint_(t, low, high, *generator);
  return finished(t, requires_grad);
}

Tensor randint_like(const Tensor& x, int64_t first, const std::optional<int64_t>& second, const MaybeDType& dtype,
                    const MaybeDevice& device, bool requires_grad) {
  const Tensor t = empty(x.sizes(), dtype.value_or(x.dtype()), device.value_or(x.device()));
  ops::randint_(t, second ? first : 0, second.value_or(first), default_generator());
  return finished(t, requires_grad);
}

// normal(mean, std), either a tensor, and normal(mean, std, size).
Tensor normal(const Tensor& mean, const Tensor& std, const std::optional<Dims>& size, Generator* generator,
              const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
  if (!size) {
    if (mean->wrapped_number && std->wrapped_number)
      fail<TypeError>("normal(): expected a tensor as mean or std, or size");
    return ops::normal(mean, std, *generator);
  }
  check_sizes("normal", *size);
  const Tensor t = empty(*size, floating_or_default("normal", dtype), device_or_default(device));
  ops::normal_(t, ops::item(mean).as_double(), ops::item(std).as_double(), *generator);
  return finished(t, requires_grad);
}

Tensor bernoulli(const Tensor& x, const std::optional<double>& p, Generator* generator) {
  if (!p) return ops::bernoulli(x, *generator);
  const Tensor t = empty(x.sizes(), x.dtype(), x.device());
  ops::bernoulli_(t, *p, *generator);
  return t;
}

void bernoulli_(const Tensor& x, const Tensor& p, Generator* generator) {
  if (p->wrapped_number) return ops::bernoulli_(x, ops::item(p).as_double(), *generator);
  ops::copy_(x, ops::bernoulli(ops::expand(p, x.sizes()), *generator));
}

// random_(), random_(to) and random_(from, to): all values of the dtype that it holds exactly, or [0, to).
void random_(const Tensor& x, const std::optional<int64_t>& first, const std::optional<int64_t>& second,
             Generator* generator) {
  if (first) return ops::randint_(x, second ? *first : 0, second.value_or(*first), *generator);
  int64_t most = INT64_MAX;
  switch (x.dtype()) {
    case DType::bool_: most = 2; break;
    case DType::u8: most = 256; break;
    case DType::i8: most = 128; break;
    case DType::i32: most = int64_t(1) << 31; break;
    case DType::i64: break;
    case DType::f16: most = (1 << 11) + 1; break;
    case DType::bf16: most = (1 << 8) + 1; break;
    case DType::f32: most = (1 << 24) + 1; break;
    case DType::f64: most = (int64_t(1) << 53) + 1; break;
  }
  ops::randint_(x, 0, most, *generator);
}

}  // namespace

void add_creation_rows() {
  add_rows({
      HOTLOOP_FUNCTION(
          "empty(*size: int, dtype: dtype | None = None, device: device | str | None = None, "
          "requires_grad: bool = False) -> Tensor",
          [](const Dims& sizes, const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
            check_sizes("empty", sizes);
            return finished(empty(sizes, dtype.value_or(ops::default_dtype()), device_or_default(device)),
                            requires_grad);
          },
          "Uninitialised memory."),
      HOTLOOP_FUNCTION("zeros(*size: int, dtype: dtype | None = None, device: device | str | None = None, "
                       "requires_grad: bool = False) -> Tensor",
                       constant<0>, "All elements 0."),
      HOTLOOP_FUNCTION("ones(*size: int, dtype: dtype | None = None, device: device | str | None = None, "
                       "requires_grad: bool = False) -> Tensor",
                       constant<1>, "All elements 1."),
      HOTLOOP_FUNCTION(
          "full(size: Sequence[int], fill_value: Number, *, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](const Dims& sizes, const Scalar& value, const MaybeDType& dtype, const MaybeDevice& device,
             bool requires_grad) {
            return finished(filled("full", sizes, value, dtype.value_or(dtype_of(value)), device), requires_grad);
          },
          "All elements fill_value."),
      HOTLOOP_FUNCTION("empty_like(input: Tensor, *, dtype: dtype | None = None, device: device | str | None = None, "
                       "requires_grad: bool = False) -> Tensor",
                       empty_like, "Uninitialised memory shaped like input."),
      HOTLOOP_FUNCTION("zeros_like(input: Tensor, *, dtype: dtype | None = None, device: device | str | None = None, "
                       "requires_grad: bool = False) -> Tensor",
                       constant_like<0>, "Zeros shaped like input."),
      HOTLOOP_FUNCTION("ones_like(input: Tensor, *, dtype: dtype | None = None, device: device | str | None = None, "
                       "requires_grad: bool = False) -> Tensor",
                       constant_like<1>, "Ones shaped like input."),
      HOTLOOP_FUNCTION(
          "full_like(input: Tensor, fill_value: Number, *, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](const Tensor& x, const Scalar& value, const MaybeDType& dtype, const MaybeDevice& device,
             bool requires_grad) {
            return finished(
                filled("full_like", x.sizes(), value, dtype.value_or(x.dtype()), device.value_or(x.device())),
                requires_grad);
          },
          "fill_value in the shape of input."),
      HOTLOOP_METHOD(
          "new_zeros(self: Tensor, *size: int, dtype: dtype | None = None, device: device | str | None = None, "
          "requires_grad: bool = False) -> Tensor",
          new_constant<0>, "Zeros of this tensor's dtype and device."),
      HOTLOOP_METHOD(
          "new_ones(self: Tensor, *size: int, dtype: dtype | None = None, device: device | str | None = None, "
          "requires_grad: bool = False) -> Tensor",
          new_constant<1>, "Ones of this tensor's dtype and device."),
      HOTLOOP_METHOD(
          "new_empty(self: Tensor, *size: int, dtype: dtype | None = None, device: device | str | None = None, "
          "requires_grad: bool = False) -> Tensor",
          [](const Tensor& x, const Dims& sizes, const MaybeDType& dtype, const MaybeDevice& device,
             bool requires_grad) {
            check_sizes("new_empty", sizes);
            return finished(empty(sizes, dtype.value_or(x.dtype()), device.value_or(x.device())), requires_grad);
          },
          "Uninitialised memory of this tensor's dtype and device."),
      HOTLOOP_METHOD(
          "new_full(self: Tensor, size: Sequence[int], fill_value: Number, *, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](const Tensor& x, const Dims& sizes, const Scalar& value, const MaybeDType& dtype,
             const MaybeDevice& device, bool requires_grad) {
            return finished(filled("new_full", sizes, value, dtype.value_or(x.dtype()), device.value_or(x.device())),
                            requires_grad);
          },
          "fill_value in this tensor's dtype and device."),
      HOTLOOP_FUNCTION("arange(start: Number, end: Number | None = None, step: Number = 1, *, "
                       "dtype: dtype | None = None, device: device | str | None = None, requires_grad: bool = False) "
                       "-> Tensor",
                       arange, "start, start + step, ... below end; from 0 with one argument."),
      HOTLOOP_FUNCTION(
          "linspace(start: float | Tensor, end: float | Tensor, steps: int, *, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](double start, double end, int64_t steps, const MaybeDType& dtype, const MaybeDevice& device,
             bool requires_grad) {
            const DType type = dtype.value_or(ops::default_dtype());
            return finished(
                ops::linspace(end_of(start, type), end_of(end, type), steps, type, device_or_default(device)),
                requires_grad);
          },
          "steps numbers evenly from start to end, both included."),
      HOTLOOP_FUNCTION(
          "eye(n: int, m: int | None = None, *, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](int64_t n, const std::optional<int64_t>& m, const MaybeDType& dtype, const MaybeDevice& device,
             bool requires_grad) {
            return finished(ops::eye(n, m.value_or(n), dtype.value_or(ops::default_dtype()), device_or_default(device)),
                            requires_grad);
          },
          "Ones on the diagonal of an (n, m) matrix."),
      HOTLOOP_FUNCTION("rand(*size: int, generator: Generator | None = None, dtype: dtype | None = None, "
                       "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
                       random<Uniform>, "Uniform numbers in [0, 1)."),
      HOTLOOP_FUNCTION("randn(*size: int, generator: Generator | None = None, dtype: dtype | None = None, "
                       "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
                       random<Normal>, "Numbers of the standard normal distribution."),
      HOTLOOP_FUNCTION("rand_like(input: Tensor, *, generator: Generator | None = None, dtype: dtype | None = None, "
                       "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
                       random_like<Uniform>, "Uniform numbers in [0, 1) shaped like input."),
      HOTLOOP_FUNCTION("randn_like(input: Tensor, *, generator: Generator | None = None, dtype: dtype | None = None, "
                       "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
                       random_like<Normal>, "Standard normal numbers shaped like input."),
      HOTLOOP_FUNCTION("randint(low: int, high: Any, size: Any = None, *, generator: Generator | None = None, "
                       "dtype: dtype | None = None, device: device | str | None = None, requires_grad: bool = False) "
                       "-> Tensor",
                       randint, "Integers of [low, high), or of [0, low) where only one bound is given before size."),
      HOTLOOP_FUNCTION(
          "randperm(n: int, *, generator: Generator | None = None, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](int64_t n, Generator* generator, const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
            device_or_default(device);
            return finished(ops::randperm(n, dtype.value_or(DType::i64), *generator), requires_grad);
          },
          "The integers 0 to n - 1 in random order."),
      HOTLOOP_METHOD(
          "uniform_(self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) "
          "-> Tensor",
          [](const Tensor& x, double low, double high, Generator* generator) {
            ops::uniform_(x, low, high, *generator);
          },
          "Overwrites with uniform numbers of [from_, to)."),
      HOTLOOP_METHOD(
          "normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) "
          "-> Tensor",
          [](const Tensor& x, double mean, double std, Generator* generator) {
            ops::normal_(x, mean, std, *generator);
          },
          "Overwrites with normal numbers."),
      HOTLOOP_METHOD(
          "bernoulli_(self: Tensor, p: Tensor | Number = 0.5, *, generator: Generator | None = None) -> Tensor",
          bernoulli_, "Overwrites with 1 (probability p) and 0."),
      HOTLOOP_METHOD("random_(self: Tensor, from_: int | None = None, to: int | None = None, *, "
                     "generator: Generator | None = None) -> Tensor",
                     random_,
                     "Overwrites with integers of [from_, to), of [0, from_) where it is alone, or of all that fit."),
      HOTLOOP_METHOD(
          "exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor",
          [](const Tensor& x, double lambda, Generator* generator) { ops::exponential_(x, lambda, *generator); },
          "Overwrites with numbers of the density lambd exp(-lambd x)."),
      HOTLOOP_METHOD(
          "geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor",
          [](const Tensor& x, double p, Generator* generator) { ops::geometric_(x, p, *generator); },
          "Overwrites with how many trials of probability p the first success takes."),
      HOTLOOP_METHOD(
          "cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) "
          "-> Tensor",
          [](const Tensor& x, double median, double sigma, Generator* generator) {
            ops::cauchy_(x, median, sigma, *generator);
          },
          "Overwrites with numbers of the Cauchy distribution."),
      HOTLOOP_METHOD(
          "log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) "
          "-> Tensor",
          [](const Tensor& x, double mean, double std, Generator* generator) {
            ops::log_normal_(x, mean, std, *generator);
          },
          "Overwrites with exponentials of normal numbers."),
      HOTLOOP_OP("bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor",
                 bernoulli, "1 with the probability that each element of input says (or p), else 0."),
      HOTLOOP_FUNCTION(
          "poisson(input: Tensor, generator: Generator | None = None) -> Tensor",
          [](const Tensor& rate, Generator* generator) { return ops::poisson(rate, *generator); },
          "Numbers of the Poisson distribution, of which each element of input is a mean."),
      HOTLOOP_FUNCTION(
          "normal(mean: Tensor | Number, std: Tensor | Number = 1.0, size: Sequence[int] | None = None, *, "
          "generator: Generator | None = None, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          normal, "Normal numbers, of a mean and a deviation for each element or of one for all of size."),
      HOTLOOP_OP(
          "multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, "
          "generator: Generator | None = None) -> Tensor",
          [](const Tensor& x, int64_t count, bool replacement, Generator* generator) {
            return ops::multinomial(x, count, replacement, *generator);
          },
          "Indices drawn by weight from a vector, or from each row of a matrix."),
      HOTLOOP_FUNCTION("randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: dtype | None = None, "
                       "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
                       randint_like, "Integers of [low, high), or of [0, low), shaped like input."),
      HOTLOOP_FUNCTION(
          "logspace(start: float | Tensor, end: float | Tensor, steps: int, base: float = 10.0, *, "
          "dtype: dtype | None = None, device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](double start, double end, int64_t steps, double base, const MaybeDType& dtype, const MaybeDevice& device,
             bool requires_grad) {
            const DType type = dtype.value_or(ops::default_dtype());
            const Tensor exponents =
                ops::linspace(end_of(start, type), end_of(end, type), steps, DType::f64, device_or_default(device));
            return finished(ops::to_dtype(ops::pow(ops::number(base), exponents), type), requires_grad);
          },
          "base to the power of numbers evenly from start to end."),
      HOTLOOP_FUNCTION(
          "empty_strided(size: Sequence[int], stride: Sequence[int], *, dtype: dtype | None = None, "
          "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
          [](const Dims& sizes, const Dims& strides, const MaybeDType& dtype, const MaybeDevice& device,
             bool requires_grad) {
            check_sizes("empty_strided", sizes);
            if (sizes.n != strides.n)
              fail<RuntimeError>("empty_strided: expected as many strides as sizes, got %s and %s",
                                 to_string(strides).c_str(), to_string(sizes).c_str());
            return finished(
                ops::empty_strided(sizes, strides, dtype.value_or(ops::default_dtype()), device_or_default(device)),
                requires_grad);
          },
          "Uninitialised memory laid out by the given strides."),
      HOTLOOP_FUNCTION(
          "scalar_tensor(s: Number, *, dtype: dtype | None = None, device: device | str | None = None, "
          "requires_grad: bool = False) -> Tensor",
          [](const Scalar& value, const MaybeDType& dtype, const MaybeDevice& device, bool requires_grad) {
            return finished(filled("scalar_tensor", {}, value, dtype.value_or(ops::default_dtype()), device),
                            requires_grad);
          },
          "A number as a 0-d tensor."),
      HOTLOOP_FUNCTION(
          "dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor",
          [](const Tensor& x, double p, bool training) { return ops::dropout(x, p, training, default_generator()); },
          "Zero with probability p, else input / (1 - p) (Srivastava et al. 2014); input itself unless "
          "training."),
  });
}

}  // namespace hotloop::bindings
