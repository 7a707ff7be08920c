"""Functions of hotloop that are a few ops each, or none."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hotloop import _core
from hotloop._checked import checked
from hotloop._core import Tensor

# --- shapes, dtypes and states --------------------------------------------------------------------------------


def broadcast_shapes(*shapes: int | Sequence[int]) -> tuple[int, ...]:
    """The shape that tensors of these shapes broadcast to; a number is a shape of one dim."""
    result: list[int] = []
    for shape in shapes:
        sizes: list[Any] = list(shape) if isinstance(shape, (tuple, list)) else [shape]
        if not all(hasattr(size, "__index__") for size in sizes):
            raise RuntimeError(f"broadcast_shapes: expected ints and sequences of ints, got {shape!r}")
        if any(size < 0 for size in sizes):
            raise RuntimeError(f"broadcast_shapes: negative size in {tuple(sizes)}")
        result = [1] * (len(sizes) - len(result)) + result
        for i, size in enumerate(reversed(sizes), 1):
            if size != 1 and result[-i] != 1 and size != result[-i]:
                raise RuntimeError(
                    f"Shape mismatch: objects cannot be broadcast to a single shape: {tuple(sizes)} and {tuple(result)}"
                )
            result[-i] = size if result[-i] == 1 else result[-i]
    return tuple(result)


@checked
def can_cast(from_: _core.dtype, to: _core.dtype) -> bool:
    """Whether values of one dtype may be written into a tensor of another.

    Floats may not go into integers, nor numbers into bools.
    """
    if from_.is_floating_point:
        return to.is_floating_point
    return from_ is _core.bool or to is not _core.bool


@checked
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of a tensor is nonzero."""
    return input.is_nonzero()


@checked
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.is_signed()


@checked
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have one shape."""
    return input.is_same_size(other)


@checked
def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


def get_rng_state() -> Tensor:
    """The state of the default generator of random numbers, as bytes."""
    state: Tensor = _core.default_generator.get_state()
    return state


@checked
def set_rng_state(new_state: Tensor) -> None:
    """Goes on from a state that get_rng_state() gave."""
    _core.default_generator.set_state(new_state)


def seed() -> int:
    """Seeds the default generator by the operating system's random numbers, and returns that seed."""
    return _core.default_generator.seed()


# --- windows --------------------------------------------------------------------------------------------------


def _window(
    length: int,
    periodic: bool,
    dtype: _core.dtype | None,
    requires_grad: bool,
    shape: Callable[[Tensor], Tensor],
) -> Tensor:
    """``shape`` of 0, ..., 1 in the steps of a window: of one point fewer than a period, where it is periodic."""
    dtype = dtype or _core.get_default_dtype()
    if not dtype.is_floating_point:
        raise RuntimeError(f"a window expects floating point dtypes, got: {dtype}")
    if length < 0:
        raise RuntimeError(f"a window requires non-negative window_length, got window_length={length}")
    if length < 2:
        return _core.ones(length, dtype=dtype, requires_grad=requires_grad)
    last = length if periodic else length - 1
    window = shape(_core.arange(length, dtype=_core.float64) / last).to(dtype)
    return window.requires_grad_(requires_grad)


@checked
def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: _core.dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """A triangle: 1 - |2 n / (N - 1) - 1|."""
    return _window(window_length, periodic, dtype, requires_grad, lambda t: 1 - (2 * t - 1).abs())


@checked
def hann_window(
    window_length: int, periodic: bool = True, *, dtype: _core.dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """A raised cosine: (1 - cos(2 pi n / (N - 1))) / 2."""
    return hamming_window(window_length, periodic, 0.5, 0.5, dtype=dtype, requires_grad=requires_grad)


@checked
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: _core.dtype | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine: alpha - beta cos(2 pi n / (N - 1))."""
    shape = lambda t: alpha - beta * (2 * math.pi * t).cos()  # noqa: E731
    return _window(window_length, periodic, dtype, requires_grad, shape)


@checked
def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: _core.dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """Two cosines: 0.42 - 0.5 cos(2 pi n / (N - 1)) + 0.08 cos(4 pi n / (N - 1))."""
    shape = lambda t: 0.42 - 0.5 * (2 * math.pi * t).cos() + 0.08 * (4 * math.pi * t).cos()  # noqa: E731
    return _window(window_length, periodic, dtype, requires_grad, shape)


@checked
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: _core.dtype | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """I0(beta sqrt(1 - (2 n / (N - 1) - 1)^2)) / I0(beta)."""
    scale = _core.tensor(float(beta), dtype=_core.float64).i0()
    shape = lambda t: (beta * (1 - (2 * t - 1).square()).clamp(min=0).sqrt()).i0() / scale  # noqa: E731
    return _window(window_length, periodic, dtype, requires_grad, shape)


# --- arithmetic -----------------------------------------------------------------------------------------------


@checked
def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Positions in the flattened tensor of a shape, as one tensor of coordinates for each of its dims."""
    if indices.dtype.is_floating_point or indices.dtype is _core.bool:
        raise TypeError(f"unravel_index: expected 'indices' to be an integer tensor, got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(size < 0 for size in sizes):
        raise ValueError(f"unravel_index: 'shape' cannot have negative values, but got {sizes}")
    coordinates = []
    rest = indices.to(_core.int64)
    for size in reversed(sizes):
        coordinates.append(rest % size)
        rest = rest.floor_divide(size)
    return tuple(reversed(coordinates))


class HistogramAndEdges(NamedTuple):
    """What histogram returns."""

    hist: Tensor
    bin_edges: Tensor


def _bin_edges(op: str, x: Tensor, bins: int | Tensor, range: Sequence[float] | None) -> Tensor:
    """The edges as given, or of so many bins of equal width over the range, or else over the values."""
    if isinstance(bins, Tensor):
        if bins.dtype is not x.dtype:
            raise RuntimeError(f"{op}: input tensor and bins tensors should have the same dtype")
        return bins.detach()
    if bins <= 0:
        raise RuntimeError(f"{op}(): bins must be > 0, but got {bins}")
    low, high = range or ((x.min().item(), x.max().item()) if x.numel() else (0.0, 1.0))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{op}(): dimension 0's inferred range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{op}(): min should not exceed max, but got min {low} max {high}")
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    return _core.linspace(low, high, bins + 1, dtype=x.dtype)


def _bins_of(x: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """The bin of each value, and whether it is one of the edges' at all; the last bin has both of its edges."""
    last = edges.numel() - 2
    place = _core.searchsorted(edges, x, right=True) - 1
    place = _core.where(x == edges[-1], last, place)
    return place, (place >= 0) & (place <= last)


@checked
def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: tuple[Tensor, Tensor] | None = None,
) -> HistogramAndEdges:
    """How many elements, or which sum of their weights, lie in each bin; and the bins' edges.

    Args:
        input: floats.
        bins: how many bins of equal width; or their edges, ascending, of which the last bin has both.
        range: (lowest, highest) edge, by default those of the input.
        weight: a weight of each element.
        density: divide by the total and by each bin's width.
        out: tensors that take the results.
    """
    if not input.is_floating_point():
        raise _core.DTypeError(f"histogram: not implemented for dtype {str(input.dtype).removeprefix('hotloop.')}")
    x = input.detach().reshape(-1)
    edges = _bin_edges("histogram", x, bins, range)
    place, inside = _bins_of(x, edges)
    amount = _core.ones_like(x) if weight is None else weight.detach().reshape(-1).to(input.dtype)
    hist = _core.zeros(edges.numel() - 1, dtype=input.dtype).index_add_(0, place[inside], amount[inside])
    if density:
        hist = hist / (hist.sum() * edges.diff())
    if out is not None:
        hist, edges = (_core.write_out("histogram", r, o) for r, o in zip((hist, edges), out, strict=True))
    return HistogramAndEdges(hist, edges)


class HistogramddAndEdges(NamedTuple):
    """What histogramdd returns."""

    hist: Tensor
    bin_edges: tuple[Tensor, ...]


@checked
def histogramdd(
    input: Tensor,
    bins: int | Sequence[int] | Sequence[Tensor],
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> HistogramddAndEdges:
    """How many points, or which sum of their weights, lie in each cell of a grid; and the edges of each dim.

    Args:
        input: (..., D), points as floats.
        bins: how many bins of equal width, of all dims or of each; or their edges.
        range: (lowest, highest) edge of each dim in a row, by default those of the points.
        weight: (...), a weight of each point.
        density: divide by the total and by each cell's volume.
    """
    if input.ndim < 2:
        raise RuntimeError(f"histogramdd(): input tensor should have at least 2 dimensions, but got {input.ndim}")
    dims = input.shape[-1]
    each: list[Any] = [bins] * dims if isinstance(bins, int) else list(bins)
    if len(each) != dims:
        raise RuntimeError(f"histogramdd(): expected bins of each of the {dims} dims, but got {len(each)}")
    if range is not None and len(range) != 2 * dims:
        raise RuntimeError(
            f"histogramdd(): for {dims} dims, expected range to have {2 * dims} numbers, got {len(range)}"
        )
    points = input.detach().reshape(-1, dims)
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            f"histogramdd(): expected weight of shape {tuple(input.shape[:-1])}, but got {tuple(weight.shape)}"
        )
    edges, inside, cell = [], _core.ones(len(points), dtype=_core.bool), _core.zeros(len(points), dtype=_core.int64)
    for d, count in enumerate(each):
        ends = None if range is None else (range[2 * d], range[2 * d + 1])
        edges.append(_bin_edges("histogramdd", points[:, d], count, ends))
        place, fits = _bins_of(points[:, d].contiguous(), edges[d])
        inside, cell = inside & fits, cell * (edges[d].numel() - 1) + place
    shape = [e.numel() - 1 for e in edges]
    amount = _core.ones_like(cell, dtype=input.dtype) if weight is None else weight.detach().reshape(-1).to(input.dtype)
    hist = _core.zeros(math.prod(shape), dtype=input.dtype).index_add_(0, cell[inside], amount[inside]).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for d, e in enumerate(edges):
            hist = hist / e.diff().reshape([-1 if k == d else 1 for k in builtins.range(dims)])
    return HistogramddAndEdges(hist, tuple(edges))


@checked
def gradient(
    input: Tensor,
    *,
    spacing: float | Sequence[Any] | Tensor | None = None,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Estimates of the derivative along each of ``dim`` (all dims), by central differences; at the ends by one side's.

    Args:
        input: values on a grid.
        spacing: of all dims, or one for each of ``dim``: the distance of neighbours (1), or a tensor of coordinates.
        dim: the dims, in order.
        edge_order: of the differences at the ends, 1 or 2.
    """
    if input.dtype in (_core.bool, _core.uint8):
        raise RuntimeError(f"gradient: differences of dtype {str(input.dtype).removeprefix('hotloop.')} mean nothing")
    if edge_order not in (1, 2):
        raise RuntimeError(f"torch.gradient only supports edge_order=1 and edge_order=2. Got: {edge_order}")
    dims = list(builtins.range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    dims = [_wrapped(d, input.ndim) for d in dims]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"gradient: a dim appears multiple times in {dims}")
    spacing = 1.0 if spacing is None else spacing
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"gradient: expected spacing to be one number or one for each of {len(dims)} dims, got {len(spacings)}"
        )
    return tuple(_slope(input, d, s, edge_order) for d, s in zip(dims, spacings, strict=True))


def _wrapped(dim: int, ndim: int) -> int:
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"gradient: Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
        )
    return dim % ndim


def _slope(y: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    n = y.shape[dim]
    if n < edge_order + 1:
        raise RuntimeError(
            f"gradient: expected each dimension size to be at least edge_order+1 = {edge_order + 1}, got {n}"
        )
    if not y.is_floating_point():
        y = y.to(_core.get_default_dtype())
    along = [1] * y.ndim
    along[dim] = -1

    if not isinstance(spacing, Tensor):
        spacing = _core.full((n - 1,), float(spacing), dtype=y.dtype)
    else:
        spacing = spacing.to(y.dtype).diff()
    h = spacing.reshape(along)
    slopes = y.diff(dim=dim) / h  # between neighbours
    if n == 2:
        return _core.cat([slopes, slopes], dim)
    before, after = h.narrow(dim, 0, n - 2), h.narrow(dim, 1, n - 2)
    left, right = slopes.narrow(dim, 0, n - 2), slopes.narrow(dim, 1, n - 2)
    middle = (after * left + before * right) / (before + after)
    first, last = slopes.narrow(dim, 0, 1), slopes.narrow(dim, n - 2, 1)
    if edge_order == 2:  # the parabola through the three points of an end
        far, near = h.narrow(dim, 0, 1), h.narrow(dim, n - 2, 1)
        first = first + (first - slopes.narrow(dim, 1, 1)) * far / (far + h.narrow(dim, 1, 1))
        last = last + (last - slopes.narrow(dim, n - 3, 1)) * near / (near + h.narrow(dim, n - 3, 1))
    return _core.cat([first, middle, last], dim)


@checked
def matrix_exp(A: Tensor) -> Tensor:
    """The matrix exponential of matrices (..., n, n): the series of A / 2^s, squared s times."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"matrix_exp: A must be batches of square matrices, but got shape {tuple(A.shape)}")
    if not A.is_floating_point():
        raise RuntimeError(f"matrix_exp: Expected a floating point or complex tensor as input. Got {A.dtype}")
    if A.numel() == 0:
        return A.clone()
    size = A.detach().abs().sum(-1).max().item()  # the largest of the matrices' infinity norms
    squarings = max(0, math.frexp(size)[1] + 1) if math.isfinite(size) else 0  # down to 1/2 and less
    x = A / 2.0**squarings
    one = _core.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    result = one + x / _SERIES
    for k in builtins.range(_SERIES - 1, 0, -1):
        result = one + x @ result / k
    for _ in builtins.range(squarings):
        result = result @ result
    return result


_SERIES = 14  # terms: of 1/2, the next is 2^-14 / 15!, below f64's precision


def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], **options: Any) -> Tensor:
    """Uninitialised memory in which ``physical_layout`` names the dims from the outermost to the innermost."""
    if sorted(physical_layout) != list(builtins.range(len(size))):
        raise RuntimeError(
            f"empty_permuted: expected physical_layout to be a permutation of {len(size)} dims, got {physical_layout}"
        )
    outer_first = _core.empty([size[d] for d in physical_layout], **options)
    return outer_first.permute([list(physical_layout).index(d) for d in builtins.range(len(size))])
