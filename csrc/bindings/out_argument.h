// The keyword `out` of functions: a tensor, or one for each result, that the results are written into.
#pragma once

#include "bindings/arguments.h"

namespace hotloop::bindings {

// Does the function of this name take it, as PyTorch's does?
bool takes_out(const std::string& name);
// The signature with the parameter in it, for docstring and stub; `several`: one for each result.
std::string with_out(const char* text, bool several);

// The result of a function that is written in Python, in its `out` where one is given, which must have its dtype.
Tensor write_out(const std::string& op, const Tensor& result, const Tensor& out);

// A call whose keywords may name `out`; null with the exception set where it threw.
PyObject* run_with_out(const Operation& operation, PyObject* const* args, Py_ssize_t count, PyObject* keywords);

}  // namespace hotloop::bindings
