"""Builds the emulator's C++ tests with the host compiler and runs them; then the mutants of kernels (--tier full)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cuda_emulator.build import CSRC, HERE, ROOT, Build, kernel_options
from cuda_emulator.mutants import TARGETS, WANTED, device_code, mutants_of, run

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator needs g++'s instrumentation"),
]

FAMILIES = ("block", "faults", "instructions", "launch", "rows")


@pytest.fixture(scope="session")
def build(tmp_path_factory) -> Build:
    return Build(tmp_path_factory.mktemp("emulator"))


@pytest.fixture(scope="session")
def program(build) -> Path:
    kernels = build.compile_all(sorted(HERE.glob("test_*.cpp")), kernel=True)
    return build.link("cuda_emulator_tests", [*kernels, build.compile(ROOT / "tests/core/main.cpp")])


@pytest.mark.parametrize("family", FAMILIES)
def test_family(program, family):
    done = subprocess.run([program, family], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_family_is_run():
    declared = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.cpp")}
    assert declared == set(FAMILIES)
    text = (HERE / "CMakeLists.txt").read_text()
    assert f"foreach(family {' '.join(FAMILIES)})" in text


def test_another_schedule_by_environment(program):
    done = subprocess.run(
        [program, "launch"], capture_output=True, text=True, env={"HOTLOOP_EMULATOR_SCHEDULE": "sideways"}
    )
    assert done.returncode != 0
    assert "HOTLOOP_EMULATOR_SCHEDULE=sideways: one of vary, greedy, reverse, random" in done.stderr


def test_kernels_call_no_memory_functions_that_the_hooks_cannot_see():
    """memcpy and memset of a size that the compiler does not know would go by unchecked."""
    sources = [*sorted((CSRC / "kernels/cuda").glob("sm*/*.cu")), *sorted((HERE / "mutants").glob("*.cu"))]
    wrong = []
    for source in sources:
        text = source.read_text()
        for start, end in device_code(text):
            calls = re.findall(r"\b(mem(?:cpy|set|move)\([^;]*\));", text[start:end])
            wrong += [f"{source.relative_to(ROOT)}: {call}" for call in calls if not re.search(r"sizeof \w+\)$", call)]
    assert not wrong, "\n".join(wrong)


def test_instrumentation_is_what_the_hooks_answer(program):
    """The test program links without GCC's own runtimes: each symbol that its kernels ask for is one of ours."""
    assert "-fsanitize=thread" in kernel_options()
    listing = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
    undefined = [line for line in listing.splitlines() if " U " in line and ("__tsan" in line or "__ubsan" in line)]
    assert not undefined
    assert " T __tsan_read4" in listing


@pytest.mark.parametrize(
    ("text", "whats"),
    [
        ("__global__ void k(int* x) {\n  __syncthreads();\n}\n", ["no barrier"]),
        ("void launcher() {\n  if (a < b) f();\n}\n", []),
        (
            "__device__ void f() {\n  cp_async_wait<2>();\n  if (a && b) x = 1;\n}\n",
            [
                "no wait",
                "waits for one group less",
                "no condition",
                "no first half of a condition",
                "no second half of a condition",
            ],
        ),
        ("__global__ void k() {\n  for (int i = 0; i < n; ++i) x[i] = std::array<int, 3>{};\n}\n", ["< for <="]),
    ],
)
def test_mutants_are_found(text, whats):
    found = mutants_of(text)
    assert sorted(mutant.what for mutant in found) == sorted(whats)
    assert len({mutant.apply(text) for mutant in found}) == len(found)


# Of these the barriers, waits and commits are taken away in every run of the tests; all of all targets by --tier full.
QUICK = ("mma", "block")


@pytest.mark.parametrize("target", TARGETS)
def test_mutants_are_killed(build, target, request):
    quick = request.config.getoption("--tier") == "quick"
    if quick and target not in QUICK:
        pytest.skip("minutes: --tier full")
    killed, count, survivors = run(build, target, syncs_only=quick)
    assert count > 1
    assert killed >= WANTED * count, "\n".join(survivors)
