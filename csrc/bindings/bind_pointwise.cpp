// The rows of kernels/args/pointwise.def as Python functions and methods; those with parameters or
// several forms are bound by hand in bind_arithmetic.cpp.
#include <cstring>

#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "ops/pointwise.h"

namespace hotloop::bindings {

namespace {

// Bound by hand, or steps of a gradient that users have no business with.
bool bound_elsewhere(const char* name) {
  for (const char* other : {"add",
                            "sub",
                            "div",
                            "pow",
                            "clamp",
                            "lerp",
                            "addcmul",
                            "addcdiv",
                            "where",
                            "softplus",
                            "gelu",
                            "gelu_tanh",
                            "gelu_tanh_curvature",
                            "add_scaled",
                            "pow_scalar",
                            "clamp_scalar",
                            "pow_",
                            "add_",
                            "sub_",
                            "div_",
                            "gelu_",
                            "softplus_",
                            "clamp_scalar_",
                            "pow_scalar_",
                            "relu",
                            "round",
                            "round_",
                            "silu",
                            "log_sigmoid",
                            "log_sigmoid_"})
    if (!std::strcmp(name, other)) return true;
  return std::strstr(name, "_backward") || std::strstr(name, "gelu_tanh") || std::strstr(name, "add_scaled") ||
         std::strstr(name, "_error") || std::strstr(name, "_through");
}

}  // namespace

void add_pointwise_rows() {
  std::vector<Row> table = {
#define UNARY(name, dtypes, arithmetic, ...)                                            \
  HOTLOOP_OP(                                                                           \
      #name "(input: Tensor) -> Tensor", [](const Tensor& a) { return ops::name(a); },  \
      "Element by element: " #arithmetic " of a = input."),                             \
      HOTLOOP_OP(                                                                       \
          #name "_(input: Tensor) -> Tensor", [](const Tensor& a) { ops::name##_(a); }, \
          "In-place form of " #name "()."),
#define BINARY(name, dtypes, arithmetic, ...)                                     \
  HOTLOOP_OP(                                                                     \
      #name "(input: Tensor | Number, other: Tensor | Number) -> Tensor",         \
      [](const Tensor& a, const Tensor& b) { return ops::name(a, b); },           \
      "Element by element, broadcast: " #arithmetic " of a = input, b = other."), \
      HOTLOOP_METHOD(                                                             \
          #name "_(input: Tensor, other: Tensor | Number) -> Tensor",             \
          [](const Tensor& a, const Tensor& b) { ops::name##_(a, b); }, "In-place form of " #name "()."),
#define TERNARY(...)
#define SELECTION(...)
#define PREDICATE(name, dtypes, arithmetic)                                            \
  HOTLOOP_OP(                                                                          \
      #name "(input: Tensor) -> Tensor", [](const Tensor& a) { return ops::name(a); }, \
      "A bool tensor, element by element: " #arithmetic " of a = input."),
#define COMPARISON BINARY
#include "kernels/args/pointwise.def"
  };
  for (const Row& row : table)
    if (!bound_elsewhere(row.function.ml_name ? row.function.ml_name : row.method.ml_name)) rows().push_back(row);
}

}  // namespace hotloop::bindings
