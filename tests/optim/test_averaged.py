"""Averaged weights against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.optim import swa_utils
from support.torch_peer import assert_same, convert, to_hotloop, torch

pytestmark = pytest.mark.every_device

KINDS: dict[str, Any] = {
    "plain": lambda s: {},
    "plain lists": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "plain one by one": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "ema lists": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.8)},
    "ema one by one": lambda s: {"avg_fn": s.get_ema_avg_fn(0.8)},
    "buffers too": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.8), "use_buffers": True},
    "own": lambda s: {"avg_fn": lambda average, current, n: 0.3 * average + 0.7 * current},
}


def model(n: Any, tensor: Any) -> Any:
    made = n.Sequential(n.Linear(3, 4), n.Linear(4, 2)).double()
    made.register_buffer("scale", tensor([1.0, 2.0]).double())
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_against_torch(kind: str) -> None:
    theirs = model(torch.nn, torch.tensor)
    ours = model(nn, hotloop.tensor)
    ours.load_state_dict(convert(dict(theirs.state_dict()), to_hotloop))
    mine = swa_utils.AveragedModel(ours, **KINDS[kind](swa_utils))
    other = torch.optim.swa_utils.AveragedModel(theirs, **KINDS[kind](torch.optim.swa_utils))
    rng = np.random.default_rng(0)
    for _ in range(4):
        for (_, a), (_, b) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
            step = rng.normal(size=tuple(b.shape))
            a.add_(hotloop.tensor(step))
            b.add_(torch.tensor(step))
        mine.update_parameters(ours)
        other.update_parameters(theirs)
        assert mine.state_dict().keys() == other.state_dict().keys()
        for key, value in other.state_dict().items():
            # The share 1 / (n + 1) of lists is a float32 tensor in PyTorch.
            assert_same(mine.state_dict()[key], value, key, rtol=1e-6 if kind == "plain lists" else 1e-11)
    x = torch.ones(1, 3, dtype=torch.float64)
    assert_same(mine(to_hotloop(x)), other(x), rtol=1e-6)


def test_settings() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn should be provided"):
        swa_utils.AveragedModel(layer, None, swa_utils.get_swa_avg_fn(), swa_utils.get_swa_multi_avg_fn())
    for make in (swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=r"Invalid decay value 1\.5 provided"):
            make(1.5)  # type: ignore[operator]
    averaged = swa_utils.AveragedModel(layer)
    assert averaged.module.weight is not layer.weight


def test_statistics_of_normalisation_are_taken_anew() -> None:
    class Mean(nn.Module):
        """Keeps the plain mean of what it sees, as batch normalisation does without momentum."""

        running_mean: Any

        def __init__(self) -> None:
            super().__init__()
            self.momentum: float | None = 0.1
            self.register_buffer("running_mean", hotloop.ones(2))
            self.seen = 0

        def reset_running_stats(self) -> None:
            self.running_mean.zero_()
            self.seen = 0

        def forward(self, x: Any) -> Any:
            assert self.training
            assert self.momentum is None
            self.seen += 1
            self.running_mean += (x.mean(0) - self.running_mean) / self.seen
            return x

    layer = Mean().eval()
    batches = [(hotloop.full((3, 2), value), None) for value in (1.0, 5.0)]
    swa_utils.update_bn(batches, nn.Sequential(layer).eval())
    assert layer.running_mean.tolist() == [3, 3]
    assert layer.momentum == 0.1
    assert not layer.training
    swa_utils.update_bn(batches, nn.Linear(2, 2))
