// The rows of kernels/args/pointwise.def as Python functions and methods; those with parameters or
// several forms are bound by hand in bind_arithmetic.cpp.
#include <cstring>
#include <string>

#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "ops/pointwise.h"

namespace hotloop::bindings {

namespace {

// Bound by hand, or steps of a gradient that users have no business with.
bool bound_elsewhere(const char* name) {
  static constexpr const char* kOthers[] = {
      "add",          "add_",         "sub",        "sub_",        "div",          "div_",        "pow",
      "pow_",         "clamp",        "lerp",       "addcmul",     "addcdiv",      "where",       "round",
      "round_",       "relu",         "silu",       "gelu",        "gelu_",        "softplus",    "softplus_",
      "log_sigmoid",  "log_sigmoid_", "elu",        "elu_",        "celu",         "celu_",       "mish",
      "mish_",        "hardswish",    "hardswish_", "hardsigmoid", "hardsigmoid_", "hardtanh",    "hardtanh_",
      "threshold",    "threshold_",   "hardshrink", "hardshrink_", "softshrink",   "softshrink_", "leaky_relu",
      "leaky_relu_",  "logit",        "logit_",     "polygamma",   "polygamma_",   "i1",          "i1_",
      "fmax",         "fmax_",        "fmin",       "fmin_",       "pow_scalar",   "pow_scalar_", "clamp_scalar",
      "clamp_scalar_"};
  for (const char* other : kOthers)
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

// Other names of ops, of which PyTorch and NumPy have many.
void add_alias_rows() {
  static constexpr const char* kAliases[][2] = {
      {"absolute", "abs"},    {"negative", "neg"},  {"multiply", "mul"},     {"subtract", "sub"}, {"divide", "div"},
      {"true_divide", "div"}, {"greater", "gt"},    {"greater_equal", "ge"}, {"less", "lt"},      {"less_equal", "le"},
      {"not_equal", "ne"},    {"arcsin", "asin"},   {"arccos", "acos"},      {"arctan", "atan"},  {"arctan2", "atan2"},
      {"arcsinh", "asinh"},   {"arccosh", "acosh"}, {"arctanh", "atanh"},    {"fix", "trunc"},    {"clip", "clamp"},
      {"expit", "sigmoid"}};
  const size_t count = rows().size();
  for (const auto& [alias, op] : kAliases) {
    for (const char* suffix : {"", "_"}) {
      const std::string name = std::string(alias) + suffix, of = std::string(op) + suffix;
      for (size_t i = 0; i < count; ++i) {
        Row row = rows()[i];
        bool found = false;
        for (PyMethodDef* form : {&row.function, &row.method}) {
          if (!form->ml_name || of != form->ml_name) continue;
          // As long as the process, like the row itself. The text begins with the name.
          form->ml_doc = (new std::string(name + (form->ml_doc + of.size())))->c_str();
          form->ml_name = (new std::string(name))->c_str();
          found = true;
        }
        if (found) rows().push_back(row);
      }
    }
  }
}

}  // namespace hotloop::bindings
