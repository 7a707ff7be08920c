"""docs/adding_an_op.md is followed to the letter: its code in a copy of the sources, built, run and differentiated.

Only what the new ops need is built, and with the naive kernels alone: the core, their dispatch, the ops and the tape.
The kernels of instruction sets are left out of the link, and the program keeps dispatch away from them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from support.tree import ROOT

PAGE = ROOT / "docs" / "adding_an_op.md"
BLOCK = re.compile(r"^<!-- (\S+?)(?:; after: (.+?))? -->\n```cpp\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMPILER = os.environ.get("CXX") or shutil.which("c++")

# What the page promises of its two ops.
PROGRAM = r"""
#include <cmath>
#include <cstdio>

#include "autograd/tape.h"
#include "core/cpu_features.h"
#include "core/error.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

using namespace hotloop;

static int failures = 0;
static void check(bool right, const char* what) {
  if (!right) std::printf("wrong: %s\n", what);
  failures += !right;
}
static bool near(double a, double b) { return std::fabs(a - b) <= 1e-6 * (1 + std::fabs(b)); }

static double total(const Tensor& x) { return ops::item(ops::sum(x)).as_double(); }

// The gradient of sum(f(x)), and of the sum of that gradient, against differences.
template <class F>
static void check_gradients(const char* name, F f) {
  const Tensor x = ops::view(ops::linspace(-1.0, 1.5, 6, DType::f64, Device{}), {2, 3});
  set_requires_grad(x, true);
  const auto grad = [&](const Tensor& y) {
    return backward({ops::sum(y)}, {}, {x}, {.retain_graph = true, .create_graph = true, .accumulate = false})[0];
  };
  const Tensor first = grad(f(x)), second = grad(first);
  double* value = x.data<double>();
  for (int i = 0; i < 6; ++i) {
    const double at = value[i], step = 1e-5;
    value[i] = at + step;
    const double above = total(f(x)), slope_above = total(grad(f(x)));
    value[i] = at - step;
    const double below = total(f(x)), slope_below = total(grad(f(x)));
    value[i] = at;
    check(std::fabs((above - below) / (2 * step) - first.data<double>()[i]) < 1e-7, name);
    check(std::fabs((slope_above - slope_below) / (2 * step) - second.data<double>()[i]) < 1e-7, name);
  }
}

int main() {
  cap_isa("reference");
  install_tape();
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = ops::to_dtype(ops::view(ops::linspace(-1.0, 1.5, 6, DType::f64, Device{}), {2, 3}), dtype);
    const Tensor bell = ops::to_dtype(ops::gaussian(x), DType::f64);
    const Tensor energy = ops::to_dtype(ops::energy(x), DType::f64);
    double sums[2] = {};
    for (int i = 0; i < 6; ++i) {
      const double value = -1.0 + 0.5 * i;
      check(near(bell.data<double>()[i], std::exp(-value * value)), "gaussian");
      sums[i / 3] += value * value;
    }
    for (int r = 0; r < 2; ++r) check(near(energy.data<double>()[r], sums[r]), "energy");
  }
  check_gradients("gradient of gaussian", [](const Tensor& x) { return ops::gaussian(x); });
  check_gradients("gradient of energy", [](const Tensor& x) { return ops::energy(x); });
  try {
    ops::energy(ops::zeros({3}, DType::f32, Device{}));
    check(false, "energy takes a vector");
  } catch (const RuntimeError& e) {
    check(std::string(e.what()) == "energy: expected a matrix, got shape [3]", e.what());
  }
  int listed = 0;
  for (const ops::Family& family : ops::families())
    for (const OpRecord* record : family.records)
      listed += std::string(record->name) == "energy" || std::string(record->name) == "gaussian";
  check(listed == 2, "the list of records");
  return failures != 0;
}
"""

# A kernel of the row for one instruction set, called without a Tensor.
VECTOR = r"""
#include <cmath>
#include "kernels/cpu/common/pointwise_loop.h"

namespace hotloop::baseline {
void drive(const PointwiseArgs&, const PointwiseSpec&) {}
}

int main() {
  using namespace hotloop;
  float x[7] = {-1.5f, -1, -0.5f, 0, 0.5f, 1, 1.5f}, out[7];
  PointwiseArgs args{};
  args.out = out;
  args.in[0] = x;
  args.dense = true;
  args.ndim = 1;
  args.sizes[0] = 7;
  baseline::pointwise<PointwiseOp::gaussian, float>(args);
  for (int i = 0; i < 7; ++i)
    if (!(std::fabs(out[i] - std::exp(-x[i] * x[i])) < 1e-6f)) return 1;
  return 0;
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.24)
project(adding_an_op LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(Threads REQUIRED)
file(GLOB sources csrc/core/*.cpp csrc/kernels/reference/*.cpp csrc/dispatch/*.cpp csrc/ops/*.cpp csrc/autograd/*.cpp)
list(FILTER sources EXCLUDE REGEX "core/gpu_cuda\\.cpp$")
add_executable(follow program.cpp ${sources})
set_property(SOURCE csrc/core/build_info.cpp PROPERTY COMPILE_DEFINITIONS
  HOTLOOP_VERSION="" HOTLOOP_BUILD_TYPE="" HOTLOOP_COMPILER="" HOTLOOP_SANITIZERS="" HOTLOOP_CUDA_STATUS=""
  HOTLOOP_INSTRUCTION_SETS="")
target_link_options(follow PRIVATE -no-pie LINKER:--unresolved-symbols=ignore-in-object-files)
add_executable(vector vector.cpp)
target_compile_definitions(vector PRIVATE HOTLOOP_ISA=baseline)
foreach(target follow vector)
  target_include_directories(${target} PRIVATE csrc)
  target_compile_options(${target} PRIVATE -O0 -ffp-contract=off -fwrapv -fno-math-errno -Wno-psabi)
  target_link_libraries(${target} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
endforeach()
"""


def apply_page(tree: Path) -> list[str]:
    """Puts each code block of the page where its comment says; the files that it made or changed."""
    touched = []
    for path, after, code in BLOCK.findall(PAGE.read_text()):
        file = tree / path
        if after:
            lines = file.read_text().splitlines(keepends=True)
            at = [i for i, line in enumerate(lines) if after in line]
            assert len(at) == 1, f"{path}: {len(at)} lines have {after!r}"
            while not lines[at[0]].rstrip().endswith((")", ";", ",", "{")):  # a row of several lines
                at[0] += 1
            lines.insert(at[0] + 1, code)
            file.write_text("".join(lines))
        else:
            assert not file.exists(), f"{path} is there already"
            file.write_text(code)
        touched.append(path)
    return touched


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the page's code in it."""
    if not (ROOT / "csrc").is_dir() or COMPILER is None or shutil.which("cmake") is None:
        pytest.skip("needs the sources, a C++ compiler and cmake")
    tree = tmp_path_factory.mktemp("adding_an_op")
    shutil.copytree(ROOT / "csrc", tree / "csrc")
    assert len(apply_page(tree)) == 10
    (tree / "program.cpp").write_text(PROGRAM)
    (tree / "vector.cpp").write_text(VECTOR)
    (tree / "CMakeLists.txt").write_text(CMAKE)
    return tree


def run(*command: str | Path) -> None:
    """Fails with what the command printed."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="links with options of GNU's and LLVM's linkers")
def test_the_ops_of_the_page_compute_and_differentiate(tree):
    launcher = shutil.which("ccache")
    options = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"] if launcher else []
    run(
        "cmake",
        "-S",
        tree,
        "-B",
        tree / "build",
        "-DCMAKE_BUILD_TYPE=None",
        f"-DCMAKE_CXX_COMPILER={COMPILER}",
        *options,
    )
    run("cmake", "--build", tree / "build", "-j", str(max(2, os.cpu_count() or 2)))
    run(tree / "build" / "follow")
    run(tree / "build" / "vector")


def test_the_binding_of_the_page_compiles(tree):
    pybind11 = pytest.importorskip("pybind11", reason="compiles a binding, which pybind11 is needed for")
    includes = [sysconfig.get_paths()["include"], pybind11.get_include(), str(tree / "csrc")]
    flags = ["-std=c++20", "-fsyntax-only", "-O0", *(f"-I{path}" for path in includes)]
    run(COMPILER, *flags, tree / "csrc" / "bindings" / "bind_reduce.cpp")
