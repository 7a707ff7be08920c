// The rows of kernels/args/pointwise.def as Python functions and methods; those with parameters or
// several forms are bound by hand in bind_arithmetic.cpp, bind_elementary.cpp and bind_activation.cpp.
#include <cstring>
#include <deque>
#include <set>
#include <string>

#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/pointwise.h"

namespace hotloop::bindings {

namespace {

// Bound by hand, or steps of a gradient that users have no business with.
bool bound_elsewhere(const std::string& name) {
  if (name == "relu" || name == "silu") return true;  // and their in-place forms here
  // In bind_special.cpp, as PyTorch's functions without methods.
  for (const char* part : {"bessel_", "airy_ai", "i0e", "i1e", "erfcx", "log_ndtr", "zeta", "chebyshev_", "hermite_",
                           "laguerre_", "legendre_"})
    if (name.find(part) != std::string::npos) return true;
  // These in both forms.
  static const std::set<std::string> others = {
      "add",        "sub",          "div",       "pow",         "clamp",       "lerp",        "addcmul",
      "addcdiv",    "where",        "round",     "gelu",        "softplus",    "log_sigmoid", "elu",
      "celu",       "mish",         "hardswish", "hardsigmoid", "hardtanh",    "threshold",   "hardshrink",
      "softshrink", "leaky_relu",   "logit",     "polygamma",   "i1",          "fmax",        "fmin",
      "pow_scalar", "clamp_scalar", "square",    "prelu_slope", "sigmoid_gate"};
  if (others.count(name.back() == '_' ? name.substr(0, name.size() - 1) : name)) return true;
  for (const char* part : {"_backward", "gelu_tanh", "add_scaled", "_number", "_error", "_through"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

// Of a binary op's operands, as PyTorch takes them: both may be numbers, the second alone, or neither.
const char* operand_types(const std::string& name) {
  static const std::set<std::string> either = {"mul",
                                               "floor_divide",
                                               "bitwise_and",
                                               "bitwise_or",
                                               "bitwise_xor",
                                               "bitwise_left_shift",
                                               "bitwise_right_shift",
                                               "remainder",
                                               "xlogy",
                                               "xlog1py"};
  static const std::set<std::string> neither = {"atan2",      "gcd",         "lcm",        "hypot",       "logaddexp",
                                                "logaddexp2", "logical_and", "logical_or", "logical_xor", "maximum",
                                                "minimum",    "nextafter",   "igamma",     "igammac"};
  if (either.count(name)) return "(input: Tensor | Number, other: Tensor | Number) -> Tensor";
  if (neither.count(name)) return "(input: Tensor, other: Tensor) -> Tensor";
  return "(input: Tensor, other: Tensor | Number) -> Tensor";
}

// Refuses two numbers as the operands of all but what numbers themselves do by *, /.
void require_tensor(const std::string& op) {
  if (op != "mul" && op != "floor_divide")
    fail<TypeError>("%s(): one of input and other must be a Tensor, not both numbers", op.c_str());
}

// Signature and documentation, as long as the process.
const char* binary_text(const char* name, const char* arithmetic) {
  return (new std::string(std::string(name) + operand_types(name) + "\n\nElement by element, broadcast: " + arithmetic +
                          " of a = input, b = other."))
      ->c_str();
}
const char* binary_in_place_text(const char* name) {
  return (new std::string(std::string(name) + "_" +
                          (std::strstr(operand_types(name), "other: Tensor)")
                               ? "(input: Tensor, other: Tensor) -> Tensor"
                               : "(input: Tensor, other: Tensor | Number) -> Tensor") +
                          "\n\nIn-place form of " + name + "()."))
      ->c_str();
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
#define BINARY(name, dtypes, arithmetic, ...)                                                    \
  make_row<decltype([] {})>(kFunction | kMethod, binary_text(#name, #arithmetic),                \
                            [](const Tensor& a, const Tensor& b) {                               \
                              if (a->wrapped_number && b->wrapped_number) require_tensor(#name); \
                              return ops::name(a, b);                                            \
                            }),                                                                  \
      make_row<decltype([] {})>(kMethod, binary_in_place_text(#name),                            \
                                [](const Tensor& a, const Tensor& b) { ops::name##_(a, b); }),
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
  static std::deque<std::string> texts;  // Python keeps pointers to them
  const size_t count = rows().size();
  for (const auto& [alias, op] : kAliases) {
    for (const char* suffix : {"", "_"}) {
      const std::string name = std::string(alias) + suffix, of = std::string(op) + suffix;
      for (size_t i = 0; i < count; ++i) {
        Row row = rows()[i];
        bool found = false;
        for (PyMethodDef* form : {&row.function, &row.method}) {
          if (!form->ml_name || of != form->ml_name) continue;
          form->ml_doc = texts.emplace_back(name + (form->ml_doc + of.size())).c_str();  // it begins with the name
          form->ml_name = texts.emplace_back(name).c_str();
          found = true;
        }
        if (found) rows().push_back(row);
      }
    }
  }
}

}  // namespace hotloop::bindings
