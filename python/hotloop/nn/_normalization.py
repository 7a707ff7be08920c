"""Normalisation over instances and neighbouring channels, of a few ops each."""

from __future__ import annotations

from hotloop import _core
from hotloop._core import Tensor, batch_norm, group_norm
from hotloop.autograd import no_grad


def _check_channels(channels: int, **given: Tensor | None) -> None:
    for name, values in given.items():
        if values is not None and values.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {values.numel()}")


@no_grad()
def _update_running(input: Tensor, mean: Tensor | None, var: Tensor | None, momentum: float) -> None:
    """Moves the running statistics towards the samples' own, on average."""
    x = input.float() if input.dtype in (_core.float16, _core.bfloat16) else input
    spatial = list(range(2, x.ndim))
    for running, of_samples in ((mean, x.mean), (var, x.var)):
        if running is not None:
            running.mul_(1 - momentum).add_(of_samples(spatial).mean(0).to(running.dtype), alpha=momentum)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each sample of (N, C, ...) to mean 0 and variance 1, then scaled (Ulyanov, Vedaldi et al. 2016).

    Without ``use_input_stats`` by the running mean and variance, as batch_norm() in evaluation.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.ndim < 3:
        raise RuntimeError(f"instance_norm: Expected at least 3 dimensions, got shape {input.shape}")
    count = 1
    for size in input.shape[2:]:
        count *= size
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    _check_channels(input.shape[1], running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if count:
        _update_running(input, running_mean, running_var, momentum)
    return group_norm(input, input.shape[1] or 1, weight, bias, eps)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha * the mean square of ``size`` neighbouring channels)^beta (Krizhevsky et al. 2012)."""
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if input.numel() == 0:
        return input
    flat = input.square().flatten(2)
    padded = _core.pad(flat, (0, 0, size // 2, (size - 1) // 2))
    mean = padded.unfold(1, size, 1).mean(-1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)
