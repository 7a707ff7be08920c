// Sums of products by named dims, and the products that are made of them.
//
// einsum takes operands from left to right. With every operand's dims in one common order, two of them make one batched
// product: dims of both that stay are its batch, dims of both that end here are summed, the others are its rows and
// columns.
#include <array>
#include <cctype>

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

constexpr int kLetters = 52;   // a-z and A-Z
constexpr int kEllipsis = -1;  // stands for the broadcast dims

int letter_number(char c) { return c >= 'a' ? c - 'a' + 26 : c - 'A'; }

// "ij...k" as numbers.
std::vector<int> subscripts_of(const std::string& text) {
  std::vector<int> labels;
  bool ellipsis = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') continue;
    if (c == '.') {
      if (text.compare(i, 3, "...") != 0 || ellipsis)
        fail<RuntimeError>("einsum(): found '.' that is not part of any ellipsis, or a second ellipsis, in '%s'",
                           text.c_str());
      ellipsis = true;
      labels.push_back(kEllipsis);
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(c))) {
      labels.push_back(letter_number(c));
    } else {
      fail<RuntimeError>("einsum(): invalid subscript given in '%s', subscripts must be in [a-zA-Z]", text.c_str());
    }
  }
  return labels;
}

// Takes the dims in `summed` out of a product of a and b, all of whose dims are in one common order; the result keeps
// them with size 1.
Tensor product_over(Tensor a, Tensor b, const Dims& summed) {
  const int n = a.ndim();
  std::array<bool, kMaxDims> ends{};
  for (int64_t d : summed) ends[size_t(d)] = true;
  Dims batch, left, right, inner, alone_a, alone_b;
  for (int d = 0; d < n; ++d) {
    const bool in_a = a.size(d) != 1, in_b = b.size(d) != 1;
    if (ends[size_t(d)]) {
      if (in_a && in_b)
        inner.push(d);
      else if (in_a)
        alone_a.push(d);
      else if (in_b)
        alone_b.push(d);
    } else {
      (in_a && in_b ? batch : in_a ? left : right).push(d);
    }
  }
  if (alone_a.n) a = sum(a, alone_a, true);
  if (alone_b.n) b = sum(b, alone_b, true);
  if (a.dtype() != b.dtype()) {  // sums of whole numbers are int64
    const DType common = promote(a.dtype(), b.dtype());
    a = to_dtype(a, common);
    b = to_dtype(b, common);
  }
  const auto extent = [](const Tensor& t, const Dims& dims) {
    int64_t size = 1;
    for (int64_t d : dims) size *= t.size(int(d));
    return size;
  };
  const auto as_matrices = [&](const Tensor& t, const Dims& rows, const Dims& columns) {
    Dims order = batch, rest;
    for (int64_t d : rows) order.push(d);
    for (int64_t d : columns) order.push(d);
    for (int d = 0; d < n; ++d) {
      bool named = false;
      for (int64_t o : order) named |= o == d;
      if (!named) rest.push(d);
    }
    for (int64_t d : rest) order.push(d);
    return reshape(permute(t, order), {extent(t, batch), extent(t, rows), extent(t, columns)});
  };
  const Tensor product = bmm(as_matrices(a, left, inner), as_matrices(b, inner, right));
  Dims sizes, order = Dims::filled(n, 0);
  int at = 0;
  const auto give = [&](const Dims& dims, const Tensor& t) {
    for (int64_t d : dims) {
      sizes.push(t.size(int(d)));
      order[int(d)] = at++;
    }
  };
  give(batch, a);
  give(left, a);
  give(right, b);
  for (int64_t d : summed) {
    sizes.push(1);
    order[int(d)] = at++;
  }
  return permute(reshape(product, sizes), order);
}

}  // namespace

Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands) {
  if (operands.empty()) fail<ValueError>("einsum(): must provide at least one operand");
  const size_t arrow = equation.find("->");
  std::vector<std::vector<int>> inputs;
  std::string left = equation.substr(0, arrow);
  for (size_t start = 0; start <= left.size();) {
    const size_t comma = std::min(left.find(',', start), left.size());
    inputs.push_back(subscripts_of(left.substr(start, comma - start)));
    start = comma + 1;
  }
  if (inputs.size() != operands.size())
    fail<RuntimeError>("einsum(): %s operands were provided than specified in the equation: %zu for '%s'",
                       inputs.size() < operands.size() ? "more" : "fewer", operands.size(), equation.c_str());
  // How many dims an ellipsis stands for, and how often each letter occurs.
  int wide = 0;
  std::array<int, kLetters> uses{};
  for (size_t i = 0; i < inputs.size(); ++i) {
    int letters = 0;
    bool ellipsis = false;
    for (int label : inputs[i]) {
      if (label == kEllipsis) {
        ellipsis = true;
      } else {
        ++letters;
        ++uses[size_t(label)];
      }
    }
    const int covered = operands[i].ndim() - letters;
    if (ellipsis ? covered < 0 : covered != 0)
      fail<RuntimeError>(
          "einsum(): the number of subscripts in the equation (%d) does not match the number of "
          "dimensions (%d) for operand %zu%s",
          letters, operands[i].ndim(), i, ellipsis ? "" : " and no ellipsis was given");
    if (ellipsis && covered > wide) wide = covered;
  }
  std::vector<int> output;
  if (arrow != std::string::npos) {
    output = subscripts_of(equation.substr(arrow + 2));
  } else {
    output.push_back(kEllipsis);
    for (int letter = 0; letter < kLetters; ++letter)
      if (uses[size_t(letter)] == 1) output.push_back(letter);
  }
  // The common order: the output's dims, then those that are summed.
  std::array<int, kLetters> place;
  place.fill(-1);
  int wide_place = -1, dims = 0;
  for (int label : output) {
    if (label == kEllipsis) {
      wide_place = dims;
      dims += wide;
    } else {
      if (uses[size_t(label)] == 0)
        fail<RuntimeError>("einsum(): output subscript %c does not appear in the equation for any input operand",
                           label < 26 ? 'A' + label : 'a' + label - 26);
      if (place[size_t(label)] >= 0)
        fail<RuntimeError>("einsum(): output subscript %c appears more than once in the output",
                           label < 26 ? 'A' + label : 'a' + label - 26);
      place[size_t(label)] = dims++;
    }
  }
  const int kept = dims;
  if (wide_place < 0) {
    wide_place = dims;
    dims += wide;
  }
  for (int letter = 0; letter < kLetters; ++letter)
    if (uses[size_t(letter)] > 0 && place[size_t(letter)] < 0) place[size_t(letter)] = dims++;
  if (dims > kMaxDims) fail<RuntimeError>("einsum(): more than %d dims in '%s'", kMaxDims, equation.c_str());

  std::vector<Tensor> terms;
  std::vector<uint32_t> names(operands.size());  // bit d: the operand has dim d of the common order
  Dims extents = Dims::filled(dims, 1);
  for (size_t i = 0; i < operands.size(); ++i) {
    Tensor t = operands[i];
    Dims at;  // place of each dim of t
    int letters = 0;
    for (int label : inputs[i]) letters += label != kEllipsis;
    const int covered = t.ndim() - letters;
    for (int label : inputs[i]) {
      if (label != kEllipsis) {
        at.push(place[size_t(label)]);
        continue;
      }
      for (int e = 0; e < covered; ++e) at.push(wide_place + wide - covered + e);
    }
    // A letter twice in one operand is its diagonal.
    for (int d = 0; d < at.n; ++d)
      for (int e = d + 1; e < at.n;) {
        if (at[e] != at[d]) {
          ++e;
          continue;
        }
        if (t.size(d) != t.size(e))
          fail<RuntimeError>(
              "einsum(): a subscript is repeated for operand %zu but the sizes don't match, %lld != %lld", i,
              ll(t.size(e)), ll(t.size(d)));
        t = movedim(diagonal(t, 0, d, e), {-1}, {d});
        at.erase(e);
      }
    Dims order;
    for (int d = 0; d < dims; ++d)
      for (int own = 0; own < at.n; ++own)
        if (at[own] == d) order.push(own);
    t = permute(t, order);
    for (int own = 0; own < at.n; ++own) names[i] |= 1u << at[own];
    for (int d = 0; d < dims; ++d)
      if (!(names[i] >> d & 1)) t = unsqueeze(t, d);
    for (int d = 0; d < dims; ++d) {
      if (t.size(d) == 1) continue;
      if (extents[d] != 1 && extents[d] != t.size(d))
        fail<RuntimeError>(
            "einsum(): subscript has size %lld for operand %zu which does not broadcast with previously "
            "seen size %lld",
            ll(t.size(d)), i, ll(extents[d]));
      extents[d] = t.size(d);
    }
    terms.push_back(t);
  }
  Tensor result = terms[0];
  for (size_t i = 0; i < terms.size(); ++i) {
    // A summed dim ends with the last operand that has it.
    Dims ends;
    for (int d = kept; d < dims; ++d) {
      bool later = false;
      for (size_t j = i + 1; j < terms.size(); ++j) later |= terms[j].size(d) != 1;
      if (!later && (result.size(d) != 1 || terms[i].size(d) != 1)) ends.push(d);
    }
    // The sum of one whole number is int64 too.
    if (terms.size() == 1 && ends.n == 0 && kept < dims && !is_floating(result.dtype())) ends.push(kept);
    if (i > 0)
      result = product_over(result, terms[i], ends);
    else if (ends.n)
      result = sum(result, ends, true);
  }
  if (kept == dims) return result;
  Dims last;
  for (int d = kept; d < dims; ++d) last.push(d);
  return squeeze(result, last);
}

Tensor tensordot(const Tensor& a, const Tensor& b, const Dims& dims_a, const Dims& dims_b) {
  if (dims_a.n != dims_b.n)
    fail<RuntimeError>("tensordot: both dimension lists should have same length, got %s and %s",
                       to_string(dims_a).c_str(), to_string(dims_b).c_str());
  Dims from_a, from_b, sizes;
  int64_t inner = 1;
  Tensor x = a, y = b;
  for (int i = 0; i < dims_a.n; ++i) {
    const int da = wrap_dim("tensordot", dims_a[i], a.ndim()), db = wrap_dim("tensordot", dims_b[i], b.ndim());
    from_a.push(da);
    from_b.push(db);
    if (a.size(da) == b.size(db)) {
      inner *= a.size(da);
    } else if (a.size(da) == 1) {
      y = sum(y, Dims{db}, true, y.dtype());
    } else if (b.size(db) == 1) {
      x = sum(x, Dims{da}, true, x.dtype());
    } else {
      fail<RuntimeError>(
          "tensordot: contracted dimensions need to match, but first has size %lld in dim %d and second "
          "has size %lld in dim %d",
          ll(a.size(da)), da, ll(b.size(db)), db);
    }
  }
  const auto free_dims = [&](const Tensor& t, const Dims& taken) {
    Dims free;
    for (int d = 0; d < t.ndim(); ++d) {
      bool used = false;
      for (int64_t u : taken) used |= u == d;
      if (used) continue;
      free.push(d);
      sizes.push(t.size(d));
    }
    return free;
  };
  Dims order_a = free_dims(x, from_a);
  const int rows = sizes.n;
  const Dims free_b = free_dims(y, from_b);
  int64_t m = 1, n = 1;
  for (int d = 0; d < sizes.n; ++d) (d < rows ? m : n) *= sizes[d];
  for (int64_t d : from_a) order_a.push(d);
  Dims order_b = from_b;
  for (int64_t d : free_b) order_b.push(d);
  return reshape(mm(reshape(permute(x, order_a), {m, inner}), reshape(permute(y, order_b), {inner, n})), sizes);
}

}  // namespace hotloop::ops
