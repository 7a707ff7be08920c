"""Takes each barrier, wait and bound of a kernel away, one at a time, and asks whether the emulator notices.

    python tests/cuda_emulator/mutants.py                 all targets below
    python tests/cuda_emulator/mutants.py matmul argmax   some of them

A mutant is the kernel's file with one change. It is compiled for the emulator, linked with the target's program and
run: killed where the program ends with an error, says that a result is wrong, or doesn't end; where the compiler
refuses it, it is none. At least 90 % must be killed. Survivors are printed with their line.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cuda_emulator.build import CSRC, HERE, ROOT, Build, BuildError

WANTED = 0.9
TIMEOUT = 20  # seconds


@dataclass(frozen=True)
class Target:
    """A file to be mutated, and the sources of the program that judges it."""

    file: Path
    program: tuple[Path, ...]
    program_is_kernel: bool = False  # it has kernels of its own, such as those that use a header


MUTANTS = HERE / "mutants"
TARGETS = {
    "matmul": Target(MUTANTS / "matmul.cu", (MUTANTS / "check_matmul.cpp",)),
    "argmax": Target(MUTANTS / "argmax.cu", (MUTANTS / "check_argmax.cpp",)),
    "block": Target(CSRC / "kernels/cuda/common/block.h", (HERE / "test_block.cpp",), program_is_kernel=True),
}


@dataclass(frozen=True)
class Mutant:
    """One change of a text, at an offset."""

    what: str
    start: int
    end: int
    replacement: str

    def apply(self, text: str) -> str:
        return text[: self.start] + self.replacement + text[self.end :]

    def line(self, text: str) -> int:
        return text.count("\n", 0, self.start) + 1


# Changes that change nothing: file, what is changed, a part of its line. They are not counted.
EQUIVALENT = {
    ("argmax.cu", "< for <=", "a.at < b.at"): "no two of them are at one place",
    ("matmul.cu", "no condition", "begin + kTile < k"): "copies a tile of zeros that nobody reads",
    ("matmul.cu", "< for <=", "begin + kTile < k"): "copies a tile of zeros that nobody reads",
    ("block.h", "> for >=", "a > b || a != a"): "of equals, either",
    ("block.h", "< for <=", "a < b || a != a"): "of equals, either",
    ("block.h", "< for <=", "distance < kWarpSize"): "one shuffle more, whose result no lane takes",
}

SYNC = re.compile(r"\b(?:__syncthreads|__syncwarp)\([^;]*\);")
WAIT = re.compile(r"\bcp_async_wait<(\d+)>\(\);")
COMMIT = re.compile(r"\bcp_async_commit\(\);")
# clang-format puts spaces round an operator and none round the brackets of a template.
BOUND = re.compile(r" (<=|<|>=|>) ")
IF = re.compile(r"\bif (?!constexpr)\(")
OPPOSITE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}


def device_code(text: str) -> list[tuple[int, int]]:
    """The bodies of functions that run on the GPU."""
    spans = []
    for found in re.finditer(r"__global__|__device__", text):
        opening, semicolon = text.find("{", found.end()), text.find(";", found.end())
        if opening < 0 or (0 <= semicolon < opening) or (spans and found.start() < spans[-1][1]):
            continue
        spans.append((opening, closing(text, opening, "{", "}")))
    return spans


def closing(text: str, opening: int, left: str, right: str) -> int:
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] == left) - (text[at] == right)
        if depth == 0:
            return at
    raise ValueError(f"no end to what begins at {opening}")


def mutants_of(text: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    spans = device_code(text)
    found = []

    def add(what: str, start: int, end: int, replacement: str) -> None:
        line = text[text.rfind("\n", 0, start) + 1 : start]
        if "//" not in line and "static_assert" not in line and any(a <= start < b for a, b in spans):
            found.append(Mutant(what, start, end, replacement))

    for match in SYNC.finditer(text):
        add("no barrier", *match.span(), ";")
    for match in WAIT.finditer(text):
        add("no wait", *match.span(), ";")
        add("waits for one group less", *match.span(), f"cp_async_wait<{int(match[1]) + 1}>();")
    for match in COMMIT.finditer(text):
        add("no commit", *match.span(), ";")
    for match in BOUND.finditer(text):
        add(f"{match[1]} for {OPPOSITE[match[1]]}", *match.span(), f" {OPPOSITE[match[1]]} ")
    for match in IF.finditer(text):
        end = closing(text, match.end() - 1, "(", ")")
        add("no condition", match.end(), end, "true")
        for operand in re.finditer(r" && ", text[match.end() : end]):
            at = match.end() + operand.start()
            add("no first half of a condition", match.end(), at, "true")
            add("no second half of a condition", at + 4, end, "true")
    return sorted(found, key=lambda mutant: (mutant.start, mutant.what))


def is_equivalent(target: Target, text: str, mutant: Mutant) -> bool:
    line = text.splitlines()[mutant.line(text) - 1]
    return any(target.file.name == name and mutant.what == what and part in line for name, what, part in EQUIVALENT)


def judge(build: Build, target: Target, name: str, text: str, programs: list[Path]) -> str:
    """What noticed the mutant; empty where nothing did."""
    folder = build.folder / name
    changed = folder / (target.file.relative_to(CSRC) if CSRC in target.file.parents else target.file.name)
    changed.parent.mkdir(parents=True)
    changed.write_text(text)
    if target.program_is_kernel:
        objects = [*(build.compile(path, kernel=True, first=folder) for path in target.program), *programs]
    else:
        objects = [build.compile(changed, kernel=True), *programs]
    program = build.link(f"{name}-program", objects)
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return f"does not end in {TIMEOUT} s"
    if done.returncode == 0:
        return ""
    said = (done.stderr + done.stdout).strip().splitlines()
    return said[0] if said else f"ended with {done.returncode}"


def run(build: Build, name: str) -> tuple[int, int, list[str]]:
    """Killed, all, and what survived of a target."""
    target = TARGETS[name]
    text = target.file.read_text()
    main = ROOT / "tests" / "core" / "main.cpp"
    programs = [build.compile(path) for path in ((main,) if target.program_is_kernel else target.program)]
    build.emulator()
    if reason := judge(build, target, f"{name}-as-it-is", text, programs):
        raise BuildError(f"{target.file.relative_to(ROOT)} fails as it is: {reason}")

    def outcome(numbered: tuple[int, Mutant]) -> tuple[Mutant, str | None]:
        number, mutant = numbered
        try:
            return mutant, judge(build, target, f"{name}-{number}", mutant.apply(text), programs)
        except BuildError:
            return mutant, None

    with ThreadPoolExecutor(cpu_count()) as pool:
        mutants = [mutant for mutant in mutants_of(text) if not is_equivalent(target, text, mutant)]
        outcomes = [o for o in pool.map(outcome, enumerate(mutants)) if o[1] is not None]
    survivors = []
    for mutant, reason in outcomes:
        where = f"{target.file.relative_to(ROOT)}:{mutant.line(text)}: {mutant.what}"
        if not reason:
            source = text.splitlines()[mutant.line(text) - 1].strip()
            survivors.append(f"{where}: {source}")
        print(f"{'killed  ' if reason else 'SURVIVED'} {where}: {reason or survivors[-1]}"[:200], flush=True)
    return len(outcomes) - len(survivors), len(outcomes), survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    names = parser.parse_args().targets or list(TARGETS)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        build = Build(Path(folder))
        for name in names:
            killed, count, _ = run(build, name)
            print(f"{name}: {killed} of {count} mutants killed ({killed / count:.0%})\n", flush=True)
            failed |= killed < WANTED * count
    return failed


if __name__ == "__main__":
    sys.exit(main())
