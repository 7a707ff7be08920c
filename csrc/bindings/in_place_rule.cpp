// The memory that an in-place method writes over, its first argument's, and that of its operands.
#include <bit>
#include <sstream>
#include <unordered_map>

#include "bindings/arguments.h"

namespace hotloop::bindings {

using ops::Sharing;

namespace {

struct Group {
  std::optional<Sharing> sharing;
  const char* names;
};

// Of PyTorch's methods that aren't elementwise.
constexpr Group kGroups[] = {
    // They change what the tensor shows, or give all its elements one value; index_put_ looks itself, for x[...] = y too.
    {std::nullopt,
     "as_strided_ detach_ fill_ fill_diagonal_ index_put_ requires_grad_ resize_ resize_as_ set_ squeeze_ swapaxes_ "
     "swapdims_ t_ transpose_ unsqueeze_ zero_"},
    {Sharing::broadcast, "bernoulli_"},
    {Sharing::none, "index_add_ index_copy_ index_fill_ index_reduce_ put_ scatter_ scatter_add_ scatter_reduce_"},
    {Sharing::any, "addbmm_ addmm_ addmv_ baddbmm_ ldexp_ masked_scatter_"},
};

std::optional<Sharing> sharing_of(const std::string& name) {
  static const auto exceptions = [] {
    std::unordered_map<std::string, std::optional<Sharing>> all;
    for (const Group& group : kGroups) {
      std::istringstream names(group.names);
      for (std::string one; names >> one;) all[one] = group.sharing;
    }
    return all;
  }();
  if (name.back() != '_' || name.ends_with("__")) return std::nullopt;
  const auto found = exceptions.find(name);
  return found == exceptions.end() ? Sharing::elementwise : found->second;
}

}  // namespace

std::optional<InPlaceRule> in_place_rule(const Signature& signature) {
  const std::optional<Sharing> sharing = sharing_of(signature.name);
  if (!sharing) return std::nullopt;
  InPlaceRule rule{*sharing};
  for (size_t i = 1; i < signature.parameters.size(); ++i) {
    const Parameter& p = signature.parameters[i];
    const bool is_number = p.name == "value";  // a tensor too is read as one, before anything is written
    if (p.type.find("Tensor") != std::string::npos && !is_number) rule.operands |= 1u << i;
  }
  return rule;
}

void check_written_memory(const Operation& operation, PyObject* const* values) {
  if (!is_tensor(values[0])) return;
  const char* op = operation.signature->name.c_str();
  const Tensor& out = as_tensor(values[0]);
  ops::check_own_elements(op, out);
  for (uint32_t left = operation.in_place->operands; left; left &= left - 1) {
    PyObject* value = values[std::countr_zero(left)];
    if (is_tensor(value)) ops::check_sharing(op, out, as_tensor(value), operation.in_place->sharing);
  }
}

}  // namespace hotloop::bindings
