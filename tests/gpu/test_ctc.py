"""The CTC loss on a GPU: the CPU's numbers, wherever targets and lengths lie."""

from __future__ import annotations

from typing import Any

import pytest

import hotloop
from hotloop import cuda
from hotloop.nn import functional as F

pytestmark = [
    pytest.mark.every_device,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}"),
]

STEPS, BATCH, CLASSES = 14, 3, 9
TARGETS = hotloop.tensor([[1, 1, 2, 7], [3, 2, 3, 0], [8, 0, 0, 0]], device="cpu")
INPUT_LENGTHS, TARGET_LENGTHS = [14, 9, 12], [4, 3, 1]


def logits(device: str) -> Any:
    numbers = hotloop.Generator()
    numbers.manual_seed(4)
    return hotloop.randn(STEPS, BATCH, CLASSES, generator=numbers, device="cpu").to(device).requires_grad_()


def loss_and_gradient(
    device: str, targets: Any, *, lengths: Any = None, reduction: str = "mean"
) -> tuple[list[float], list[float]]:
    x = logits(device)
    sizes = (INPUT_LENGTHS, TARGET_LENGTHS) if lengths is None else lengths
    loss = F.ctc_loss(x.log_softmax(2), targets, *sizes, reduction=reduction)
    loss.sum().backward()
    return loss.flatten().tolist(), x.grad.flatten().tolist()


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("rows", [True, False], ids=["padded", "in a row"])
def test_is_the_cpus(reduction: str, rows: bool) -> None:
    targets = TARGETS if rows else hotloop.cat([TARGETS[n, : TARGET_LENGTHS[n]] for n in range(BATCH)])
    wanted = loss_and_gradient("cpu", targets, reduction=reduction)
    for where in (targets, targets.to("cuda"), targets.to("cuda").int()):
        got = loss_and_gradient("cuda", where, reduction=reduction)
        assert got[0] == pytest.approx(wanted[0], rel=1e-6)
        assert got[1] == pytest.approx(wanted[1], rel=1e-5, abs=1e-6)


def test_lengths_lie_anywhere() -> None:
    targets = TARGETS.to("cuda")
    wanted = loss_and_gradient("cuda", targets)
    for device in ("cpu", "cuda"):
        lengths = [hotloop.tensor(sizes, device=device) for sizes in (INPUT_LENGTHS, TARGET_LENGTHS)]
        assert loss_and_gradient("cuda", targets, lengths=lengths) == wanted


def test_a_label_that_is_no_class() -> None:
    log_probs = logits("cuda").detach().log_softmax(2)
    wrong = TARGETS + 2  # of which one is 9
    with pytest.raises(IndexError, match="targets must be classes 0 to 8, got 9"):
        F.ctc_loss(log_probs, wrong, INPUT_LENGTHS, TARGET_LENGTHS)
    F.ctc_loss(log_probs, wrong.to("cuda"), INPUT_LENGTHS, TARGET_LENGTHS)
    with pytest.raises(IndexError, match=r"ctc_loss: Target (9|10) is out of bounds"):
        cuda.synchronize()


def test_targets_of_a_gpu_want_log_probs_there() -> None:
    with pytest.raises(RuntimeError, match="ctc_loss: expected targets on cpu, where log_probs are, got cuda:0"):
        F.ctc_loss(logits("cpu"), TARGETS.to("cuda"), INPUT_LENGTHS, TARGET_LENGTHS)


def test_is_captured() -> None:
    x, targets = logits("cuda"), TARGETS.to("cuda")

    def step() -> Any:
        x.grad = None
        loss = F.ctc_loss(x.log_softmax(2), targets, INPUT_LENGTHS, TARGET_LENGTHS)
        loss.backward()
        return loss.detach(), x.grad

    eager = [t.clone() for t in step()]
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        captured = step()
    graph.replay()
    assert [t.tolist() for t in captured] == [t.tolist() for t in eager]
    targets.copy_(targets.flip(1))
    graph.replay()
    assert captured[0].item() != eager[0].item()


@pytest.mark.parametrize("labels", [2, 0])
def test_nan_stays(labels: int) -> None:
    steps = hotloop.full((4, 1, 3), float("nan"), device="cuda")
    targets = hotloop.ones(1, labels, dtype=hotloop.int64, device="cuda")
    loss = hotloop.nn.functional.ctc_loss(
        steps, targets, hotloop.tensor([4]), hotloop.tensor([labels]), reduction="none"
    )
    assert loss.isnan().all().item()
