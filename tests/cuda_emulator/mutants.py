"""Takes each barrier, wait and bound of a kernel away, one at a time, and asks whether the emulator notices.

    python tests/cuda_emulator/mutants.py                 all targets below
    python tests/cuda_emulator/mutants.py matmul argmax   some of them
    python tests/cuda_emulator/mutants.py --syncs mma     of a target, only barriers, waits and commits

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


Cut = tuple[tuple[str, str], ...]


def cut_down(text: str, cut: Cut) -> str:
    for whole, part in cut:
        if text.count(whole) != 1:
            raise ValueError(f"the kernel's file changed: it has not once {whole!r}")
        text = text.replace(whole, part)
    return text


@dataclass(frozen=True)
class Target:
    """A file to be mutated, and the sources of the program that judges it."""

    file: Path
    program: tuple[Path, ...]
    program_is_kernel: bool = False  # it has kernels of its own, such as those that use a header
    kernels: tuple[tuple[Path, Cut], ...] = ()  # where the file is a header: files of kernels that use it, cut down
    cut: Cut = ()  # of the file: texts and what stands in for them, so that few instances are compiled
    needs_runtime: bool = False  # core/gpu.h, for scratch memory and the size of the device


MUTANTS = HERE / "mutants"
SM80 = CSRC / "kernels" / "cuda" / "sm80"
# One tile and one dtype where the library has several: the code is the same.
SMALL_MMA: Cut = (
    (
        "  if (args.m * args.n >= kLargeFrom && args.m >= 64 && args.n >= 64) "
        "return run_layout<T, Large>(args, stream);\n",
        "",
    ),
)
F16_MMA: Cut = (
    (
        "if (args.dtype == DType::f16) return run_size<half_t>(args, stream);\n  run_size<bfloat16_t>(args, stream);",
        "run_size<half_t>(args, stream);",
    ),
)
TWO_SIMT: Cut = (
    ("large ? run<float, LargeF32>(args, stream) : run<float, Small>(args, stream)", "run<float, Small>(args, stream)"),
    (
        "    case DType::f64: return large ? run<double, LargeF64>(args, stream) : run<double, Small>(args, stream);\n",
        "",
    ),
    ("    case DType::i64: return run<int64_t, Small>(args, stream);\n", ""),
    ("    case DType::i32: return run<int32_t, Small>(args, stream);\n", ""),
    ("    case DType::u8: return run<uint8_t, Small>(args, stream);\n", ""),
    ("    case DType::bool_: return run<bool, Small>(args, stream);\n", ""),
    (
        "    case DType::f16:\n    case DType::bf16: return matmul_mma(args, stream);\n",
        "    default: return matmul_mma(args, stream);\n",
    ),
    ("  const bool large = args.m * args.n >= kLargeFrom && args.m >= 64 && args.n >= 64;\n", ""),
)
ONE_SUM: Cut = (
    ("with_dtype(args.dtype == DType::bool_ ? DType::u8 : args.dtype, [&]<class T>(T) {", "[&]<class T>(T) {"),
    ("    }\n  });\n}\n\nvoid reduce(", "    }\n  }(float{});\n}\n\nvoid reduce("),
)
ONE_EXTREME: Cut = (
    (
        "  if (args.op == ReduceOp::any || args.op == ReduceOp::all) {\n"
        "    switch (itemsize(args.dtype)) {\n"
        "      case 1: return reduce_truth<uint8_t>(args, stream);\n"
        "      case 2: return reduce_truth<uint16_t>(args, stream);\n"
        "      case 4: return reduce_truth<uint32_t>(args, stream);\n"
        "      default: return reduce_truth<uint64_t>(args, stream);\n"
        "    }\n  }\n",
        "",
    ),
    ("with_dtype(args.dtype == DType::bool_ ? DType::u8 : args.dtype, [&]<class T>(T) {", "[&]<class T>(T) {"),
    ("    }\n  });\n}\n\n}  // namespace hotloop::sm80", "    }\n  }(float{});\n}\n\n}  // namespace hotloop::sm80"),
    # What nothing calls any more.
    ("template <class Bits>\nvoid reduce_truth(", "template <class Bits>\n[[maybe_unused]] void reduce_truth("),
)
REDUCE = ((SM80 / "reduce.cu", ONE_SUM), (SM80 / "reduce_extremes.cu", ONE_EXTREME))
COMMON = CSRC / "kernels" / "cuda" / "common"
TARGETS = {
    "matmul": Target(MUTANTS / "matmul.cu", (MUTANTS / "check_matmul.cpp",)),
    "argmax": Target(MUTANTS / "argmax.cu", (MUTANTS / "check_argmax.cpp",)),
    "block": Target(COMMON / "block.h", (HERE / "test_block.cpp",), program_is_kernel=True),
    "mma": Target(
        SM80 / "matmul_mma.h",
        (MUTANTS / "check_sm80_matmul_mma.cpp",),
        kernels=((SM80 / "matmul_mma.cu", F16_MMA), (SM80 / "matmul_tf32.cu", ())),
        cut=SMALL_MMA,
        needs_runtime=True,
    ),
    "simt": Target(SM80 / "matmul.cu", (MUTANTS / "check_sm80_matmul_simt.cpp",), cut=TWO_SIMT, needs_runtime=True),
    "place": Target(
        SM80 / "matmul.h",
        (MUTANTS / "check_sm80_matmul_simt.cpp",),
        kernels=((SM80 / "matmul.cu", TWO_SIMT),),
        needs_runtime=True,
    ),
    "reduce": Target(COMMON / "reduce.h", (MUTANTS / "check_sm80_reduce.cpp",), kernels=REDUCE, needs_runtime=True),
    "rows": Target(COMMON / "rows.h", (HERE / "test_rows.cpp",), program_is_kernel=True, needs_runtime=True),
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
    ("matmul_mma.h", ">= for >", "left >= kCount ? 16"): "of 0 elements nothing is copied either way",
    ("matmul_mma.h", "> for >=", "left >= kCount ? 16"): "as many elements are 16 bytes either way",
    ("matmul_mma.h", "no condition", "if (step < steps)"): "copies tiles of zeros that nobody reads",
    ("matmul_mma.h", "< for <=", "if (step < steps)"): "copies a tile of zeros that nobody reads",
    ("matmul.cu", "no condition", "if (step < steps)"): "copies a tile of zeros that nobody reads",
    ("matmul.cu", "< for <=", "if (step < steps)"): "copies a tile of zeros that nobody reads",
    ("matmul.h", "< for <=", "kTileRowsTogether < tile_rows"): "where they are equal, so are both heights",
    ("matmul.h", "< for <=", "int64_t(x) < 0 ? W(0)"): "0 is 0",
    (
        "reduce.h",
        "> for >=",
        "int d = dims - 1; d > 0",
    ): "the outermost position is then found twice, as itself and as 0",
    ("reduce.h", "no condition", "if (wide)"): "the way for long dims is right for all",
    ("reduce.h", "< for <=", "p.reduced.count - begin < p.chunk"): "of equals, either",
    ("block.h", "> for >=", "a > b || a != a"): "of equals, either",
    ("block.h", "< for <=", "a < b || a != a"): "of equals, either",
    ("block.h", "< for <=", "distance < kWarpSize"): "one shuffle more, whose result no lane takes",
}

SYNC = re.compile(r"\b(?:__syncthreads|__syncwarp)\([^;]*\);")
WAIT = re.compile(r"\bcp_async_wait<([^>;]+)>\(\);")
COMMIT = re.compile(r"\bcp_async_commit\(\);")
# clang-format puts spaces round an operator and none round the brackets of a template.
BOUND = re.compile(r" (<=|<|>=|>) ")
IF = re.compile(r"\bif (?!constexpr)\(")
SYNCS = ("no barrier", "no wait", "waits for one group less", "no commit")
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
        if not re.search("//|static_assert|constexpr", line) and any(a <= start < b for a, b in spans):
            found.append(Mutant(what, start, end, replacement))

    for match in SYNC.finditer(text):
        add("no barrier", *match.span(), ";")
    for match in WAIT.finditer(text):
        add("no wait", *match.span(), ";")
        add("waits for one group less", *match.span(), f"cp_async_wait<{match[1]} + 1>();")
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
    if target.kernels:
        objects = [*programs]
        for path, cut in target.kernels:
            (folder / path.name).write_text(cut_down(path.read_text(), cut))
            objects.append(build.compile(folder / path.name, kernel=True, first=folder))
    elif target.program_is_kernel:
        objects = [*(build.compile(path, kernel=True, first=folder) for path in target.program), *programs]
    else:
        objects = [build.compile(changed, kernel=True), *programs]
    program = build.link(f"{name}-program", objects, runtime=target.needs_runtime)
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return f"does not end in {TIMEOUT} s"
    if done.returncode == 0:
        return ""
    said = (done.stderr + done.stdout).strip().splitlines()
    return said[0] if said else f"ended with {done.returncode}"


def run(build: Build, name: str, syncs_only: bool = False) -> tuple[int, int, list[str]]:
    """Killed, all, and what survived of a target; of its barriers, waits and commits alone where asked for."""
    target = TARGETS[name]
    text = cut_down(target.file.read_text(), target.cut)
    main = ROOT / "tests" / "core" / "main.cpp"
    programs = [build.compile(path) for path in ((main,) if target.program_is_kernel else target.program)]
    build.emulator()
    if target.needs_runtime:
        build.runtime()
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
        if syncs_only:
            mutants = [mutant for mutant in mutants if mutant.what in SYNCS]
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
    parser.add_argument("--syncs", action="store_true", help="only barriers, waits and commits")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        build = Build(Path(folder))
        for name in names:
            killed, count, _ = run(build, name, arguments.syncs)
            print(f"{name}: {killed} of {count} mutants killed ({killed / count:.0%})\n", flush=True)
            failed |= killed < WANTED * count
    return failed


if __name__ == "__main__":
    sys.exit(main())
