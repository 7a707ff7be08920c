"""What nvcc makes of the GPU's kernels: no spills, and the instructions that they are written for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
SM80 = CSRC / "kernels" / "cuda" / "sm80"

pytestmark = pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc, which is not installed")


def build_options() -> list[str]:
    """What the build gives nvcc for kernels."""
    text = (CSRC / "CMakeLists.txt").read_text()
    found = re.search(r"target_compile_options\(kernels_sm80 PRIVATE ([^)]+)\)", text)
    assert found, "csrc/CMakeLists.txt gives kernels_sm80 no options"
    options = re.sub(r"#.*", "", found.group(1)).split()
    return [option for option in options if not option.startswith(("-Xcompiler", "--compress-mode"))]


def instance(source: str, before: str, wanted: str) -> str:
    """A kernel's file as far as the line that begins with ``before``, and one instance of its template."""
    text = (SM80 / source).read_text()
    end = text.index(f"\n{before}")
    return f"{text[:end]}\n{wanted}\n}}  // namespace\n}}  // namespace hotloop::sm80\n"


def compiled(folder: Path, text: str) -> tuple[str, subprocess.CompletedProcess[str]]:
    """Compiles for sm_80, with a report of registers; the PTX that was on the way, and what nvcc said."""
    source = folder / "kernel.cu"
    source.write_text(text)
    command = ["nvcc", "-std=c++20", f"-I{CSRC}", "-arch=sm_80", "-cubin", "-keep", "-keep-dir", folder]
    command += [*build_options(), "-Xptxas=-v", source, "-o", folder / "kernel.cubin"]
    done = subprocess.run(command, capture_output=True, text=True)
    ptx = list(folder.glob("*.ptx"))
    return ptx[0].read_text() if ptx else "", done


def matmul(dtype: str) -> str:
    return (
        '#include "kernels/cuda/sm80/matmul_mma.h"\n'
        "namespace hotloop::sm80 {\nnamespace {\n"
        f"template __global__ void matmul_mma_kernel<{dtype}, Small, true, false>(\n"
        "    const __grid_constant__ MatmulArgs, bool, bool);\n"
        "}  // namespace\n}  // namespace hotloop::sm80\n"
    )


CP_ASYNC = [
    r"cp\.async\.cg\.shared\.global[^;]*, 16,",
    r"cp\.async\.commit_group",
    r"cp\.async\.wait_group",
]
LDMATRIX = r"ldmatrix\.sync\.aligned\.m8n8\.x4\.shared"
STEP = instance(
    "optimizer.cu",
    "template <template <class> class Rule, class Args>",
    "using Own = Settings<float, AdamRule>;\n"
    "template __global__ void step<float, Own, kFewTensors>(\n"
    "    const __grid_constant__ ListTable<kFewTensors>, const Own, const Own*);",
)


@pytest.mark.parametrize(
    ("text", "instructions"),
    [
        (
            matmul("half_t"),
            [
                r"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.f16\.f16\.f32",
                LDMATRIX,
                r"ldmatrix\.sync\.aligned\.m8n8\.x4\.trans\.shared",
                *CP_ASYNC,
            ],
        ),
        (
            matmul("float"),
            [
                r"mma\.sync\.aligned\.m16n8k8\.row\.col\.f32\.tf32\.tf32\.f32",
                r"cvt\.rna\.tf32\.f32",
                LDMATRIX,
                r"cp\.async\.ca\.shared\.global[^;]*, 4,",
                *CP_ASYNC,
            ],
        ),
        (STEP, [r"ld\.global(?:\.nc)?(?:\.L\w+)*\.v4", r"st\.global\.v4", r"sqrt\.rn\.f32"]),
    ],
    ids=["matmul_mma", "matmul_tf32", "optimizer"],
)
def test_kernels_have_their_instructions_and_spill_nothing(tmp_path: Path, text: str, instructions: list[str]) -> None:
    ptx, done = compiled(tmp_path, text)
    assert done.returncode == 0, done.stderr
    missing = [instruction for instruction in instructions if not re.search(instruction, ptx)]
    assert not missing, f"not in the PTX: {missing}"
    spills = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    assert spills, done.stderr
    assert all(spill == ("0", "0") for spill in spills), done.stderr


def test_the_build_refuses_spills(tmp_path: Path) -> None:
    """128 numbers at once, where 1024 threads leave 64 registers to each."""
    _, done = compiled(
        tmp_path,
        "__global__ void __launch_bounds__(1024) spills(float* x) {\n"
        "  float all[128];\n"
        "#pragma unroll\n  for (int i = 0; i < 128; ++i) all[i] = x[i * 1024 + threadIdx.x];\n"
        "  __syncthreads();\n"
        "#pragma unroll\n  for (int i = 0; i < 128; ++i) x[i * 1024 + threadIdx.x] = all[i] * all[127 - i];\n"
        "}\n",
    )
    assert done.returncode != 0
    assert "spill" in done.stderr.lower()
