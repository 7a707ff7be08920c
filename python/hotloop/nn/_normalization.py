"""Normalisation over batches, instances, groups and channels, of a few ops each."""

from __future__ import annotations

from collections.abc import Sequence

from hotloop import _core
from hotloop._core import Tensor
from hotloop._limits import finfo
from hotloop.autograd import no_grad


def _computed(input: Tensor) -> Tensor:
    """The input in the dtype to compute in: 16-bit floats in float32."""
    if not input.is_floating_point():
        raise _core.DTypeError(f"normalization: not implemented for dtype {input.dtype}")
    return input.float() if input.dtype in (_core.float16, _core.bfloat16) else input


def _per_channel(values: Tensor, ndim: int) -> Tensor:
    """(C,) as (1, C, 1, ...)."""
    return values.reshape(1, -1, *(1,) * (ndim - 2))


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x (N, C, ...) scaled and moved by (C,)."""
    if weight is not None:
        x = x * _per_channel(weight, x.ndim)
    return x if bias is None else x + _per_channel(bias, x.ndim)


def _check_channels(channels: int, **given: Tensor | None) -> None:
    for name, values in given.items():
        if values is not None and values.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {values.numel()}")


@no_grad()
def _update_running(running: Tensor | None, value: Tensor, momentum: float) -> None:
    if running is not None:
        running.mul_(1 - momentum).add_(value.detach().to(running.dtype), alpha=momentum)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of (N, C, ...) (Ioffe and Szegedy 2015).

    In training mean and variance are the batch's, and the running ones go towards them by ``momentum``; else they are
    the running ones.
    """
    if input.ndim < 2:
        raise RuntimeError(f"batch_norm: Expected at least 2 dimensions, got shape {input.shape}")
    channels = input.shape[1]
    _check_channels(channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    x = _computed(input)
    if training:
        count = input.numel() // channels if channels else 0
        if count == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
        var, mean = _core.var_mean(x, [d for d in range(x.ndim) if d != 1], correction=0)
        if count:
            _update_running(running_mean, mean, momentum)
            _update_running(running_var, var * (count / (count - 1)), momentum)
    else:
        if running_mean is None or running_var is None:
            missing = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(f"{missing} must be defined in evaluation mode")
        mean, var = running_mean, running_var
    x = (x - _per_channel(mean, x.ndim)) * _per_channel((var + eps).rsqrt(), x.ndim)
    return _affine(x, weight, bias).to(input.dtype)


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
    x = _computed(input)
    var, mean = _core.var_mean(x, list(range(2, x.ndim)), correction=0, keepdim=True)
    if count:
        _update_running(running_mean, mean.mean(0).reshape(-1), momentum)
        _update_running(running_var, (var * (count / (count - 1))).mean(0).reshape(-1), momentum)
    return _affine((x - mean) * (var + eps).rsqrt(), weight, bias).to(input.dtype)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Each of ``num_groups`` groups of channels of each sample of (N, C, ...) to mean 0 and variance 1, then scaled by
    channel (Wu and He 2018).
    """
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    if num_groups <= 0 or input.shape[1] % num_groups != 0:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    _check_channels(input.shape[1], weight=weight, bias=bias)
    samples, per_sample = input.shape[0], input.numel() // input.shape[0] if input.shape[0] else 0
    if samples and per_sample == num_groups and samples == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if input.numel() == 0:
        return _affine(_computed(input), weight, bias).to(input.dtype)
    x = _computed(input).reshape(samples, num_groups, -1)
    var, mean = _core.var_mean(x, 2, correction=0, keepdim=True)
    x = ((x - mean) * (var + eps).rsqrt()).reshape(input.shape)
    return _affine(x, weight, bias).to(input.dtype)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dims (Zhang and Sennrich 2019).

    Where eps is left out, it is the dtype's own.
    """
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape {['*', *shape]}, but got input of "
            f"size{list(input.shape)}"
        )
    if weight is not None and weight.shape != shape:
        raise RuntimeError(
            f"Expected weight to be of same shape as normalized_shape, but got weight of shape {list(weight.shape)} "
            f"and normalized_shape = {list(shape)}"
        )
    x = _computed(input)
    least = finfo(x.dtype).eps if eps is None else eps
    x = x * (x.square().mean(list(range(-len(shape), 0)), keepdim=True) + least).rsqrt()
    return (x if weight is None else x * weight).to(input.dtype)


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
