"""Initial values for parameters. Every function fills its tensor in place, outside the graph, and returns it.

Random values come from ``generator``, or from the one that ``hotloop.manual_seed`` seeds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop._core import Generator, Tensor
from hotloop.autograd import no_grad


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The gain that keeps the variance of activations through a nonlinearity.

    1 for "linear", convolutions and "sigmoid"; 5/3 for "tanh"; sqrt(2) for "relu"; sqrt(2/(1 + slope^2)) for
    "leaky_relu", whose slope is ``param`` (0.01 where left out); 3/4 for "selu".
    """
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1.0 + param**2))
    gain = {"tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 3.0 / 4.0}.get(nonlinearity)
    if gain is not None:
        return gain
    if nonlinearity in ("linear", "sigmoid") or (
        nonlinearity.removesuffix("d")[:-1] in ("conv", "conv_transpose") and nonlinearity[-2:] in ("1d", "2d", "3d")
    ):
        return 1.0
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from U(a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from N(mean, std^2)."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Draws from N(mean, std^2) on condition of lying in [a, b]; the bounds are values, not numbers of std."""
    low, high = (a - mean) / std, (b - mean) / std
    if not low < high:
        raise ValueError(f"trunc_normal_: a must be less than b, got a={a} and b={b}")
    values = np.clip(mean + std * _truncated_normal(low, high, tensor.numel(), generator), a, b)
    return _assign(tensor, values.reshape(tensor.shape))


def _truncated_normal(low: float, high: float, n: int, generator: Generator | None) -> NDArray[np.float64]:
    """n values of N(0, 1) within [low, high], by rejection.

    Where a normal value often lies inside, those are the proposals. Otherwise they are uniform over the part of
    [low, high] where the density is above 2^-53 of its peak, accepted in proportion to the density.
    """
    mass = 0.5 * (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
    peak = min(max(low, 0.0), high)  # where the density is largest
    reach = math.sqrt(peak**2 + 2 * 53 * math.log(2))
    left, right = max(low, -reach), min(high, reach)
    values = np.empty(n)
    filled = 0
    while filled < n:
        missing = n - filled
        if mass > 0.3:
            proposals = _core.randn(missing, generator=generator, dtype=_core.float64, device="cpu").numpy()
            accepted = (low <= proposals) & (proposals <= high)
        else:
            uniform = _core.rand(2, missing, generator=generator, dtype=_core.float64, device="cpu").numpy()
            proposals = left + (right - left) * uniform[0]
            accepted = uniform[1] < np.exp(0.5 * (peak**2 - proposals**2))
        kept = proposals[accepted]
        values[filled : filled + kept.size] = kept
        filled += kept.size
    return values


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with ``val``."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with one."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with zero."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Makes a matrix (n, m) the identity: a linear layer passes as many inputs on as it can."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _assign(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Makes the weight of a convolution (out, in, *kernel) the identity on as many channels as it can, a group each."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(tensor.shape)
    middle = tuple(size // 2 for size in kernel)
    per_group = out_channels // groups
    for group in range(groups):
        for channel in range(min(per_group, in_channels)):
            index = (group * per_group + channel, channel, *middle)
            values[index] = 1.0
    return _assign(tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from U(-k, k) with k = gain * sqrt(6 / (fan_in + fan_out))."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from N(0, std^2) with std = gain * sqrt(2 / (fan_in + fan_out))."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draws from U(-k, k) with k = gain * sqrt(3 / fan).

    Args:
        tensor: (out, in, *kernel).
        a: slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass.
        nonlinearity: what follows, as ``calculate_gain`` names it.
    """
    return _kaiming(
        tensor, a, mode, nonlinearity, lambda std: uniform_(tensor, -math.sqrt(3) * std, math.sqrt(3) * std, generator)
    )


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draws from N(0, std^2) with std = gain / sqrt(fan); arguments as for ``kaiming_uniform_``."""
    return _kaiming(tensor, a, mode, nonlinearity, lambda std: normal_(tensor, 0.0, std, generator))


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str, draw: Callable[[float], Tensor]) -> Tensor:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return tensor
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    fan = fan_in if mode.lower() == "fan_in" else fan_out
    return draw(calculate_gain(nonlinearity, a) / math.sqrt(fan))


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Makes (out, ...), seen as a matrix, a random one with orthonormal rows or columns, times ``gain``."""
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    shape = max(rows, columns), min(rows, columns)
    q, r = np.linalg.qr(_core.randn(*shape, generator=generator, dtype=_core.float64, device="cpu").numpy())
    q *= np.sign(np.diag(r))  # makes the decomposition unique, so that q is drawn uniformly
    return _assign(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Draws a matrix from N(0, std^2), and sets the share ``sparsity`` of each column, rounded up, to zero."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    values = std * _core.randn(rows, columns, generator=generator, dtype=_core.float64, device="cpu").numpy()
    n_zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        values[_core.randperm(rows, generator=generator, device="cpu").numpy()[:n_zeros], column] = 0.0
    return _assign(tensor, values)


def _assign(tensor: Tensor, values: NDArray[np.float64]) -> Tensor:
    with no_grad():
        return tensor.copy_(_core.from_numpy(np.ascontiguousarray(values)))


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs one output of a weight (out, in, *kernel) has, and how many outputs one input has."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field
