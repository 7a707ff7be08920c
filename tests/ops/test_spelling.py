"""The ways in which PyTorch code spells ops: methods and functions, positions and keywords, in every mix people use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional

VALUES = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]], np.float32)

# Each is written against `torch`; it runs as it stands on either library.
SPELLINGS: list[Callable[[Any, Any, Any], Any]] = [
    lambda torch, F, x: x.sum(0),
    lambda torch, F, x: x.sum(dim=-1, keepdim=True),
    lambda torch, F, x: torch.sum(input=x, dim=(0, 1)),
    lambda torch, F, x: x.sum([0, 1], True),
    lambda torch, F, x: x.mean(),
    lambda torch, F, x: x.mean((0, 1)),
    lambda torch, F, x: x.max(),
    lambda torch, F, x: x.max(1).values,
    lambda torch, F, x: x.max(dim=1)[1],
    lambda torch, F, x: x.max(1, keepdim=True).indices,
    lambda torch, F, x: torch.max(x, x * 2),
    lambda torch, F, x: torch.min(x, dim=0).values,
    lambda torch, F, x: x.argmax(dim=1),
    lambda torch, F, x: x.argmax(-1, keepdim=True),
    lambda torch, F, x: (x.argmax(1) == torch.tensor([2, 0])).float().mean(),
    lambda torch, F, x: (x.argmax(1) == torch.tensor([2, 0])).sum().item(),
    lambda torch, F, x: x.norm(),
    lambda torch, F, x: x.norm(p=1, dim=1),
    lambda torch, F, x: x.std(0, unbiased=False),
    lambda torch, F, x: x.var(1, False),
    lambda torch, F, x: x.T,
    lambda torch, F, x: x.mT,
    lambda torch, F, x: x.t().contiguous().view(-1),
    lambda torch, F, x: x.view(-1),
    lambda torch, F, x: x.view(x.size(0), -1),
    lambda torch, F, x: x.reshape(3, -1),
    lambda torch, F, x: x.permute(1, 0),
    lambda torch, F, x: x.transpose(-2, -1) @ x,
    lambda torch, F, x: x.unsqueeze(0).expand(4, -1, -1),
    lambda torch, F, x: x[:, None, :].squeeze(1),
    lambda torch, F, x: x.flatten(),
    lambda torch, F, x: torch.flatten(x, 1),
    lambda torch, F, x: x.repeat(2, 1),
    lambda torch, F, x: torch.cat((x, x), dim=-1),
    lambda torch, F, x: torch.cat([x, x]),
    lambda torch, F, x: torch.stack([x, x], 1),
    lambda torch, F, x: torch.where(x > 0, x, torch.zeros_like(x)),
    lambda torch, F, x: torch.where(x > 0, 1.0, -1.0),
    lambda torch, F, x: x.masked_fill(x < 0, float("-inf")),
    lambda torch, F, x: x.clone().masked_fill_(x < 0, 0),
    lambda torch, F, x: x.clamp(min=0),
    lambda torch, F, x: x.clamp(0, 1),
    lambda torch, F, x: torch.clamp(x, max=1.0),
    lambda torch, F, x: torch.clip(x, 0, 1),
    lambda torch, F, x: x.clamp_min(0),
    lambda torch, F, x: x.clamp_max(1.0),
    lambda torch, F, x: x.clone().clamp_(min=0.1),
    lambda torch, F, x: x.clone().clamp_min_(0),
    lambda torch, F, x: x.pow(2).sum(),
    lambda torch, F, x: x**2,
    lambda torch, F, x: 2**x,
    lambda torch, F, x: 1 - x,
    lambda torch, F, x: 1.0 / x,
    lambda torch, F, x: x // 1,
    lambda torch, F, x: x % 1,
    lambda torch, F, x: -x,
    lambda torch, F, x: +x,
    lambda torch, F, x: abs(x),
    lambda torch, F, x: ~(x > 0),
    lambda torch, F, x: (x > 0) & (x < 1),
    lambda torch, F, x: (x > 0) | (x < -1),
    lambda torch, F, x: x.add(x, alpha=2),
    lambda torch, F, x: torch.add(x, 1),
    lambda torch, F, x: torch.mul(x, x),
    lambda torch, F, x: torch.div(x, 2, rounding_mode="floor"),
    lambda torch, F, x: x.clone().div_(2, rounding_mode="trunc"),
    lambda torch, F, x: x.clone().addcmul_(x, x, value=0.5),
    lambda torch, F, x: x.clone().addcdiv_(x, x + 5, value=0.5),
    lambda torch, F, x: x.clone().lerp_(x * 2, 0.25),
    lambda torch, F, x: torch.exp(x).log(),
    lambda torch, F, x: x.sigmoid() + torch.tanh(x) + x.relu(),
    lambda torch, F, x: x.exp().sqrt().rsqrt().reciprocal(),
    lambda torch, F, x: x.softmax(-1),
    lambda torch, F, x: x.softmax(dim=1),
    lambda torch, F, x: torch.softmax(x, dim=-1),
    lambda torch, F, x: torch.log_softmax(x, -1),
    lambda torch, F, x: torch.logsumexp(x, dim=1),
    lambda torch, F, x: torch.sigmoid(x),
    lambda torch, F, x: torch.relu(x),
    lambda torch, F, x: F.relu(x),
    lambda torch, F, x: F.relu(x.clone(), inplace=True),
    lambda torch, F, x: F.silu(x.clone(), inplace=True),
    lambda torch, F, x: F.gelu(x),
    lambda torch, F, x: F.gelu(x, approximate="tanh"),
    lambda torch, F, x: F.silu(x),
    lambda torch, F, x: F.softplus(x, beta=2),
    lambda torch, F, x: F.sigmoid(x),
    lambda torch, F, x: F.tanh(x),
    lambda torch, F, x: F.softmax(x, dim=-1),
    lambda torch, F, x: F.log_softmax(x, dim=1),
    lambda torch, F, x: F.logsigmoid(x),
    lambda torch, F, x: F.dropout(x, p=0.5, training=False),
    lambda torch, F, x: F.dropout(x, 0.0),
    lambda torch, F, x: F.linear(x, torch.ones(4, 3), bias=torch.ones(4)),
    lambda torch, F, x: F.layer_norm(x, (3,)),
    lambda torch, F, x: F.layer_norm(x, [3], weight=torch.ones(3), bias=None, eps=1e-6),
    lambda torch, F, x: F.cross_entropy(x, torch.tensor([0, 2])),
    lambda torch, F, x: F.cross_entropy(input=x, target=torch.tensor([0, 2]), reduction="sum", label_smoothing=0.1),
    lambda torch, F, x: F.nll_loss(F.log_softmax(x, dim=1), torch.tensor([0, 2])),
    lambda torch, F, x: F.mse_loss(x, torch.zeros_like(x)),
    lambda torch, F, x: F.l1_loss(x, torch.zeros_like(x), reduction="none"),
    lambda torch, F, x: F.binary_cross_entropy_with_logits(x, (x > 0).float()),
    lambda torch, F, x: F.one_hot(torch.tensor([0, 2]), num_classes=3).float(),
    lambda torch, F, x: F.embedding(torch.tensor([1, 0]), x),
    lambda torch, F, x: x.gather(1, torch.tensor([[0], [2]])).squeeze(1),
    lambda torch, F, x: torch.gather(x, dim=1, index=torch.tensor([[0], [2]])),
    lambda torch, F, x: torch.zeros(2, 3).scatter_(1, torch.tensor([[0], [2]]), 1.0),
    lambda torch, F, x: torch.zeros(2, 3).scatter_add_(1, torch.tensor([[0], [2]]), torch.ones(2, 1)),
    lambda torch, F, x: x.index_select(0, torch.tensor([1])),
    lambda torch, F, x: x[torch.tensor([1, 0])],
    lambda torch, F, x: x[x > 0],
    lambda torch, F, x: x.masked_select(x > 0),
    lambda torch, F, x: x[..., -1],
    lambda torch, F, x: torch.nonzero(x > 0),
    lambda torch, F, x: (x > 0).any(dim=1),
    lambda torch, F, x: (x > 0).all(),
    lambda torch, F, x: torch.any(x > 5),
    lambda torch, F, x: torch.isnan(x).any(),
    lambda torch, F, x: x.isfinite().all(),
    lambda torch, F, x: x.cumsum(dim=1),
    lambda torch, F, x: torch.cumsum(x, 0),
    lambda torch, F, x: torch.tril(torch.ones(3, 3)),
    lambda torch, F, x: torch.triu(torch.ones(3, 3), diagonal=1).bool(),
    lambda torch, F, x: torch.arange(0, 6).view(2, 3) * x,
    lambda torch, F, x: torch.eye(3) + torch.full((3,), 2.0),
    lambda torch, F, x: torch.outer(torch.arange(3.0), torch.arange(2.0)),
    lambda torch, F, x: torch.matmul(x, x.t()),
    lambda torch, F, x: torch.mm(x, x.T),
    lambda torch, F, x: x.mm(x.t()),
    lambda torch, F, x: torch.bmm(x[None], x.t()[None]),
    lambda torch, F, x: torch.addmm(torch.ones(2), x, x.t()),
    lambda torch, F, x: torch.dot(x[0], x[1]),
    lambda torch, F, x: x @ x[0],
    lambda torch, F, x: x.to(torch.float64),
    lambda torch, F, x: x.to("cpu"),
    lambda torch, F, x: x.to(device="cpu", dtype=torch.float64),
    lambda torch, F, x: x.to(x.device, torch.float64, copy=True),
    lambda torch, F, x: x.to("cpu", non_blocking=True),
    lambda torch, F, x: x.float().double().half().long(),
    lambda torch, F, x: x.detach().cpu().numpy(),
    lambda torch, F, x: x.clone().fill_(2).zero_(),
    lambda torch, F, x: x.new_zeros(2, 2),
    lambda torch, F, x: x.new_full((2,), 3.0),
    lambda torch, F, x: torch.ones_like(x, dtype=torch.int64),
    lambda torch, F, x: torch.tensor([1, 2, 3]),
    lambda torch, F, x: torch.tensor(3.0).item(),
    lambda torch, F, x: torch.zeros(x.shape),
    lambda torch, F, x: torch.zeros(*x.shape),
    lambda torch, F, x: torch.ones(x.size()),
    lambda torch, F, x: x.split(1, dim=1)[1],
    lambda torch, F, x: x.chunk(2)[1],
    lambda torch, F, x: torch.split(x, [1, 2], dim=1)[1],
    lambda torch, F, x: x.unbind(1)[2],
    lambda torch, F, x: list(x)[1],
    lambda torch, F, x: x.numel() + x.dim() + x.ndim + len(x) + x.nelement() + x.element_size(),
    lambda torch, F, x: tuple(x.shape) + tuple(x.stride()),
    lambda torch, F, x: x.size(-1),
    lambda torch, F, x: x.tolist(),
    lambda torch, F, x: x.sum().item(),
    lambda torch, F, x: float(x.sum()),
    lambda torch, F, x: bool((x > 0).any()),
    lambda torch, F, x: torch.is_tensor(x),
    lambda torch, F, x: x.is_floating_point(),
    lambda torch, F, x: x.dtype == torch.float32,
    lambda torch, F, x: torch.equal(x, x.clone()),
    lambda torch, F, x: torch.allclose(x, x + 1e-9),
    lambda torch, F, x: x.eq(x).all().item(),
    lambda torch, F, x: torch.numel(x),
    lambda torch, F, x: x.flip(0),
    lambda torch, F, x: x.diagonal(),
    lambda torch, F, x: torch.squeeze(x[None]),
    lambda torch, F, x: torch.unsqueeze(x, dim=0),
    lambda torch, F, x: torch.movedim(x, 0, 1),
    lambda torch, F, x: torch.linspace(0, 1, steps=5),
    lambda torch, F, x: x.ravel(),
    lambda torch, F, x: torch.abs(x).square().mean().sqrt(),
    lambda torch, F, x: x.sign().round().floor().ceil().trunc(),
    lambda torch, F, x: x.ne(0).logical_not(),
    lambda torch, F, x: torch.maximum(x, torch.zeros(())),
    lambda torch, F, x: x.amax(dim=(0, 1)),
    lambda torch, F, x: x.prod(1),
    lambda torch, F, x: x.view_as(x).reshape_as(x).expand_as(x).type_as(x),
]


def plain(value: Any) -> Any:
    """What two results are compared by: dtype, shape and values."""
    if hasattr(value, "detach"):
        return str(value.dtype).split(".")[-1], tuple(value.shape), value.detach().double().numpy()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.astype(np.float64)
    return value


@pytest.mark.parametrize("spelling", SPELLINGS, ids=range(len(SPELLINGS)))
def test_runs_as_it_does_in_pytorch(spelling: Callable[[Any, Any, Any], Any]) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    got = plain(spelling(hotloop, functional, hotloop.tensor(VALUES)))
    wanted = plain(spelling(torch, torch.nn.functional, torch.tensor(VALUES)))
    if isinstance(wanted, tuple) and isinstance(wanted[-1], np.ndarray):
        assert got[:2] == wanted[:2]
        np.testing.assert_allclose(got[2], wanted[2], rtol=3e-6, atol=1e-6)
    else:
        assert type(got) is type(wanted)
        assert got == wanted


def test_results_have_names() -> None:
    values, indices = hotloop.tensor(VALUES).max(dim=1)
    result = hotloop.tensor(VALUES).max(dim=1)
    assert result.values.tolist() == values.tolist() == [2.0, 1.5]
    assert result.indices.tolist() == indices.tolist() == [2, 0]
