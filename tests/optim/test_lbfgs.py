"""L-BFGS against PyTorch's, iteration by iteration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import optim
from support.torch_peer import assert_same, torch

pytestmark = pytest.mark.every_device

SETTINGS: dict[str, dict[str, Any]] = {
    "fixed steps": {"lr": 0.1},
    "line search": {"line_search_fn": "strong_wolfe"},
    "short history": {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 7},
    "few evaluations": {"lr": 0.05, "max_eval": 4},
}


def rosenbrock(x: Any, y: Any) -> Any:
    """The banana valley along x, beside a bowl of y."""
    return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum() + (y * y).sum()


def descend(lib: Any, o: Any, settings: dict[str, Any], steps: int) -> tuple[list[Any], list[float], Any]:
    params = [lib.tensor([-1.2, 1.0, 0.5], dtype=lib.float64), lib.tensor([[3.0], [-2.0]], dtype=lib.float64)]
    for p in params:
        p.requires_grad_()
    optimizer = o.LBFGS(params, **settings)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = rosenbrock(*params)
        loss.backward()
        return loss

    return params, [optimizer.step(closure).item() for _ in range(steps)], optimizer


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_same_way_down(settings: dict[str, Any]) -> None:
    mine, losses, ours = descend(hotloop, optim, settings, 4)
    other, expected, theirs = descend(torch, torch.optim, settings, 4)
    np.testing.assert_allclose(losses, expected, rtol=1e-7)
    for x, y in zip(mine, other, strict=True):
        assert_same(x, y, rtol=1e-7)
    evaluations = [o.state[p[0]]["func_evals"] for o, p in ((ours, mine), (theirs, other))]
    assert evaluations[0] == evaluations[1]
    assert ours.state_dict()["state"][0].keys() == theirs.state_dict()["state"][0].keys()


def test_it_finds_the_minimum() -> None:
    params, losses, _ = descend(hotloop, optim, {"line_search_fn": "strong_wolfe"}, 10)
    assert losses[-1] < 1e-10
    np.testing.assert_allclose(params[0].detach().numpy(force=True), 1.0, atol=1e-4)


def test_refusals() -> None:
    p = hotloop.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optim.LBFGS([p], lr=-1)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optim.LBFGS([p], line_search_fn="armijo")
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": [p]}, {"params": [hotloop.ones(1, requires_grad=True)]}])
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'closure'"):
        optim.LBFGS([p]).step()
