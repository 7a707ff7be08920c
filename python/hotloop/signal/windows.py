"""Window functions, by the names of torch.signal.windows.

Each takes the number of points M; ``sym`` asks for a symmetric window, for filters, in place of a periodic one, for
spectra, which is a symmetric window of M + 1 points without the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _window(
    name: str,
    M: int,
    sym: bool,
    shape: Callable[[Tensor, int], Tensor],
    dtype: _core.dtype | None = None,
    layout: Any = _core.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """``shape`` of the points 0 to M - 1 and of the last point of a symmetric window; a single point is 1."""
    dtype = _core.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not _core.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (_core.float32, _core.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    points = _core.arange(M, dtype=_core.float64)
    window = shape(points, M - 1 if sym or M <= 1 else M) if M > 1 else _core.ones(M, dtype=_core.float64)
    return window.to(device=device, dtype=dtype).requires_grad_(requires_grad)


def _positive(what: str, value: float) -> float:
    if value <= 0:
        raise ValueError(f"{what} must be positive, got: {value} instead.")
    return value


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-|n - center| / tau), whose center is the middle where left out, as a symmetric window demands."""
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    _positive("Tau", tau)
    shape = lambda n, last: (-(n - (last / 2 if center is None else center)).abs() / tau).exp()  # noqa: E731
    return _window("exponential", M, sym, shape, **options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """sin(pi (n + 1/2) / M): half a wave, without the zeros at its ends."""
    return _window("cosine", M, sym, lambda n, last: ((n + 0.5) * (math.pi / (last + 1))).sin(), **options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-(x / std)^2 / 2) of the distance x from the middle."""
    _positive("Standard deviation", std)
    shape = lambda n, last: (((n - last / 2) / std).square() * -0.5).exp()  # noqa: E731
    return _window("gaussian", M, sym, shape, **options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """I0(beta sqrt(1 - t^2)) / I0(beta) for t from -1 to 1, I0 the modified Bessel function."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def shape(n: Tensor, last: int) -> Tensor:
        t = n * (2 / last) - 1
        return (beta * (1 - t.square()).clamp_min(0).sqrt()).i0() / _core.i0(_core.full((), beta, dtype=n.dtype))

    return _window("kaiser", M, sym, shape, **options)


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Tensor:
    """The sum of (-1)^k a[k] cos(2 pi k n / (M - 1))."""
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")

    def shape(n: Tensor, last: int) -> Tensor:
        total = _core.full_like(n, weights[0])
        for k, weight in enumerate(weights[1:], 1):
            total = total + (n * (2 * math.pi * k / last)).cos() * (-weight if k % 2 else weight)
        return total

    return _window("general_cosine", M, sym, shape, **options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))."""
    return general_cosine(M, a=(alpha, 1 - alpha), sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """general_hamming() of 0.54."""
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """general_hamming() of 0.5: a raised cosine, zero at its ends."""
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """general_cosine() of 0.42, 0.5, 0.08."""
    return general_cosine(M, a=(0.42, 0.5, 0.08), sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The minimum of four cosines with continuous slopes (Nuttall 1981)."""
    return general_cosine(M, a=(0.3635819, 0.4891775, 0.1365995, 0.0106411), sym=sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """A triangle: 1 - |2 n / (M - 1) - 1|."""
    return _window("bartlett", M, sym, lambda n, last: 1 - (n * (2 / last) - 1).abs(), **options)
