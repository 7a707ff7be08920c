"""A machine with x86-64-v2 and no more (SSE4.2: 2008) imports the library and trains."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys

import pytest

QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")

STEP = """
import hotloop
from hotloop import _core, nn
from hotloop.nn import functional as F
assert _core.active_isa() == "baseline", _core.active_isa()
hotloop.manual_seed(0)
model = nn.Sequential(nn.Linear(30, 48), nn.LayerNorm(48), nn.GELU(), nn.Linear(48, 2))
optimizer = hotloop.optim.AdamW(model.parameters(), lr=1e-2)
x, y = hotloop.randn(16, 30), hotloop.arange(16) % 2
losses = []
for _ in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
print("trained")
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates an older x86 CPU")
@pytest.mark.skipif(QEMU is None, reason="qemu-x86_64 (qemu-user) is not installed")
def test_training_step_on_nehalem():
    # An instruction that Nehalem lacks ends the emulated process with SIGILL. NumPy's OpenBLAS takes the emulated
    # CPU for a Haswell unless told what it is.
    environment = {
        **os.environ,
        "HOTLOOP_NUM_THREADS": "2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "OPENBLAS_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [QEMU, "-cpu", "Nehalem", os.path.realpath(sys.executable), "-c", STEP],
        capture_output=True,
        text=True,
        timeout=240,
        env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "trained"
