"""Functions without a kernel of their own: windows, shapes, what may be cast, states of generators; kinds of errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop


def libraries() -> list[Any]:
    try:
        import torch
    except ImportError:
        return [hotloop]
    return [hotloop, torch]


@pytest.fixture(params=libraries(), ids=lambda lib: lib.__name__)
def lib(request: pytest.FixtureRequest) -> Any:
    return request.param


WINDOWS = {
    "bartlett": (hotloop.bartlett_window, np.bartlett),
    "hann": (hotloop.hann_window, np.hanning),
    "hamming": (hotloop.hamming_window, np.hamming),
    "blackman": (hotloop.blackman_window, np.blackman),
    "kaiser": (lambda n, periodic: hotloop.kaiser_window(n, periodic, 5.0), lambda n: np.kaiser(n, 5.0)),
}


@pytest.mark.parametrize(("window", "expected"), WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 8])
def test_windows(window: Any, expected: Any, length: int) -> None:
    np.testing.assert_allclose(window(length, False).numpy(), expected(length), atol=1e-6)
    if length > 1:  # a period is a window that is longer by the point where the next begins
        np.testing.assert_allclose(window(length, True).numpy(), expected(length + 1)[:-1], atol=1e-6)


def test_windows_of_other_kinds(lib: Any) -> None:
    made = lib.hamming_window(4, True, 0.6, 0.3, dtype=lib.float64, requires_grad=True)
    assert made.dtype is lib.float64
    assert made.requires_grad
    np.testing.assert_allclose(made.detach().numpy(), 0.6 - 0.3 * np.cos(2 * np.pi * np.arange(4) / 4))
    with pytest.raises(RuntimeError, match="floating point"):
        lib.hann_window(4, dtype=lib.int64)
    with pytest.raises(RuntimeError, match="requires non-negative window_length"):
        lib.hann_window(-1)


def test_shapes(lib: Any) -> None:
    assert tuple(lib.broadcast_shapes((2, 1), (3,), 1, (1, 1, 1))) == (1, 2, 3)
    assert tuple(lib.broadcast_shapes((0,), (1,))) == (0,)
    assert tuple(lib.broadcast_shapes()) == ()
    with pytest.raises(RuntimeError, match=r"[Mm]ismatch"):
        lib.broadcast_shapes((2,), (3,))
    assert isinstance(lib.ones(2).shape, lib.Size)


def test_questions(lib: Any) -> None:
    assert lib.can_cast(lib.int64, lib.float32)
    assert lib.can_cast(lib.float64, lib.float16)
    assert not lib.can_cast(lib.float32, lib.int64)
    assert not lib.can_cast(lib.int8, lib.bool)
    x = lib.tensor([1, 0])
    assert lib.is_nonzero(x[0])
    assert not lib.is_nonzero(x[1:])
    with pytest.raises(RuntimeError, match="ambiguous"):
        lib.is_nonzero(x)
    assert lib.is_signed(x)
    assert not lib.is_signed(x.to(lib.uint8))
    assert lib.is_same_size(x, lib.zeros(2))
    assert not lib.is_inference(x)


def test_adjoints(lib: Any) -> None:
    x = lib.arange(6).reshape(2, 3)
    assert x.H.tolist() == x.T.tolist()
    assert x.expand(4, 2, 3).mH.shape == (4, 3, 2)
    with pytest.raises(RuntimeError, match="only supported on matrices"):
        _ = lib.zeros(3).H
    assert x.is_cpu


def test_states_of_the_generator(lib: Any) -> None:
    lib.manual_seed(3)
    state = lib.get_rng_state()
    first = lib.rand(3).tolist()
    lib.set_rng_state(state)
    assert lib.rand(3).tolist() == first
    assert state.dtype is lib.uint8
    assert lib.seed() == lib.initial_seed()
    generator = lib.Generator(device="cpu")
    assert generator.seed() == generator.initial_seed()
    assert str(generator.device) == "cpu"
    generator.set_state(generator.get_state())
    with pytest.raises(TypeError):
        lib.set_rng_state(lib.zeros(16))


def test_random_numbers_take_more_keywords(lib: Any) -> None:
    x = lib.ones(2, 3)
    for made in (
        lib.rand_like(x, device="cpu", requires_grad=True),
        lib.randn_like(x, dtype=lib.float64, device="cpu", requires_grad=True),
        lib.randint(3, (2, 3), dtype=lib.float32, requires_grad=True),
        lib.randperm(3, dtype=lib.float32, device="cpu", requires_grad=True),
    ):
        assert made.requires_grad


def test_layouts_are_taken(lib: Any) -> None:
    x = lib.arange(6.0).reshape(2, 3).T
    assert x.layout is lib.strided
    made = [
        lib.zeros(2, layout=lib.strided, pin_memory=False),
        lib.full_like(x, 1.0, layout=lib.strided, memory_format=lib.preserve_format),
        x.new_ones(2, layout=None),
        lib.randn_like(x, memory_format=lib.contiguous_format),
    ]
    assert [tuple(t.shape) for t in made] == [(2,), (3, 2), (2,), (3, 2)]
    assert x.clone().stride() == x.clone(memory_format=lib.preserve_format).stride() == (1, 3)
    assert x.clone(memory_format=lib.contiguous_format).stride() == (2, 1)
    assert x.contiguous(memory_format=lib.contiguous_format).stride() == (2, 1)
    assert x.to(lib.float64, memory_format=lib.preserve_format).tolist() == x.tolist()
    assert x.double(memory_format=lib.preserve_format).dtype is lib.float64
    assert x.to("cpu", lib.float64, False, True).dtype is lib.float64
    assert x.to(lib.float32, True, False) is x
    assert x.to(lib.float32, False, True) is not x
    with pytest.raises(TypeError):
        lib.zeros(2, layout=3)
    with pytest.raises(TypeError):
        lib.exp(x, layout=lib.strided)


def test_poisson_moments() -> None:
    hotloop.manual_seed(0)
    for rate in (0.1, 1.0, 5.0, 12.0, 80.0, 4000.0):
        drawn = hotloop.poisson(hotloop.full((40_000,), rate, dtype=hotloop.float64)).numpy()
        assert (drawn >= 0).all()
        assert (drawn == drawn.round()).all()
        spread = np.sqrt(rate / drawn.size)
        assert abs(drawn.mean() - rate) < 5 * spread
        assert abs(drawn.var() / rate - 1) < 5 * np.sqrt((2 + 1 / rate) / drawn.size)
    small = np.bincount(hotloop.poisson(hotloop.full((40_000,), 2.0)).numpy().astype(int), minlength=4)[:4] / 40_000
    np.testing.assert_allclose(small, np.exp(-2.0) * np.array([1, 2, 2, 4 / 3]), atol=0.01)


def test_poisson(lib: Any) -> None:
    rate = lib.tensor([[0.0, 3.0], [20.0, 0.5]], requires_grad=True)
    lib.manual_seed(1)
    drawn = lib.poisson(rate)
    lib.manual_seed(1)
    assert lib.poisson(rate).tolist() == drawn.tolist()
    assert drawn[0, 0].item() == 0.0
    drawn.sum().backward()
    assert rate.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(RuntimeError, match="invalid Poisson rate"):
        lib.poisson(lib.tensor([-1.0]))
    assert lib.poisson(lib.zeros(0)).shape == (0,)


KINDS: list[tuple[str, Callable[[Any], Any]]] = [
    ("no kernel for floats", lambda lib: lib.gcd(lib.ones(1), lib.ones(1))),
    ("no difference of bools", lambda lib: lib.tensor([True]) - lib.tensor([True])),
    ("no negative bools", lambda lib: -lib.tensor([True])),
    ("an index too large for gather", lambda lib: lib.gather(lib.ones(2), 0, lib.tensor([2]))),
    ("an index too large for scatter", lambda lib: lib.zeros(2).scatter(0, lib.tensor([2]), 1.0)),
    ("an index too large for index_select", lambda lib: lib.ones(2).index_select(0, lib.tensor([2]))),
    ("two numbers", lambda lib: lib.remainder(3, 2)),
    ("powers of two numbers", lambda lib: lib.pow(3, 2)),
    ("a number where only a tensor is taken", lambda lib: lib.maximum(lib.ones(1), 2)),
    ("a number first", lambda lib: lib.eq(2, lib.ones(1))),
    ("a fractional alpha of integers", lambda lib: lib.add(lib.tensor([1]), 1, alpha=0.5)),
    ("a bool alpha of floats", lambda lib: lib.add(lib.ones(1), 1, alpha=True)),
    ("the maximum of nothing", lambda lib: lib.zeros(0).max()),
    ("the place of the maximum of nothing", lambda lib: lib.zeros(0).argmax()),
    ("the maxima of no rows", lambda lib: lib.zeros(0, 3).amax(0)),
    ("views of a number", lambda lib: lib.tensor(1.0).unbind()),
    ("negative weights", lambda lib: lib.cov(lib.ones(2, 3), fweights=lib.tensor([1, -1, 1]))),
    ("an integer over zero", lambda lib: lib.tensor([1]) // 0),
    ("an integer's remainder by zero", lambda lib: lib.tensor([1]) % lib.tensor([0])),
    ("distances of one point", lambda lib: lib.nn.functional.pdist(lib.ones(3))),
    ("an unsupported order of distances", lambda lib: lib.nn.functional.pdist(lib.ones(2, 3), -1.0)),
    ("targets that are no classes", lambda lib: lib.nn.functional.multi_margin_loss(lib.ones(2, 3), lib.ones(2))),
    ("spacings that are too few", lambda lib: lib.gradient(lib.ones(3, 3), spacing=[1.0])),
    ("dims that are too short", lambda lib: lib.gradient(lib.ones(1))),
    ("no bins", lambda lib: lib.histogram(lib.ones(3), 0)),
    ("a shape of negative sizes", lambda lib: lib.unravel_index(lib.tensor([1]), (-2,))),
    ("fractional indices", lambda lib: lib.unravel_index(lib.ones(1), (2,))),
]


@pytest.mark.parametrize("act", [k[1] for k in KINDS], ids=[k[0] for k in KINDS])
def test_errors_are_of_pytorchs_kinds(act: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    with pytest.raises(Exception) as expected:  # noqa: PT011
        act(torch)
    kind = RuntimeError if issubclass(expected.type, RuntimeError) else expected.type
    with pytest.raises(kind):
        act(hotloop)


def test_dtype_and_index_errors_are_of_two_kinds() -> None:
    x = hotloop.ones(2)
    for kind in (NotImplementedError, TypeError, hotloop.DTypeError):
        with pytest.raises(kind, match="gcd: not implemented for dtype float32"):
            hotloop.gcd(x, x)
    for kind in (IndexError, RuntimeError, hotloop.OutOfRangeError):
        with pytest.raises(kind, match="gather: index 5 is out of bounds for dimension 0 with size 2"):
            x.gather(0, hotloop.tensor([5]))


SIGNAL_WINDOWS: dict[str, dict[str, Any]] = {
    "bartlett": {},
    "blackman": {},
    "cosine": {},
    "exponential": {"tau": 3.0},
    "gaussian": {"std": 2.5},
    "general_cosine": {"a": [0.4, 0.3, 0.2, 0.1]},
    "general_hamming": {"alpha": 0.7},
    "hamming": {},
    "hann": {},
    "kaiser": {"beta": 7.0},
    "nuttall": {},
}


@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 16])
@pytest.mark.parametrize("name", SIGNAL_WINDOWS)
def test_windows_of_signal_processing(name: str, length: int, sym: bool) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    options = SIGNAL_WINDOWS[name]
    got = getattr(hotloop.signal.windows, name)(length, sym=sym, dtype=hotloop.float64, **options)
    wanted = getattr(torch.signal.windows, name)(length, sym=sym, dtype=torch.float64, **options)
    assert got.dtype is hotloop.float64
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda w: w.hann(-1), ValueError, "non-negative window length, got M=-1"),
        (lambda w: w.cosine(3, dtype=hotloop.int64), ValueError, "expects float32 or float64"),
        (lambda w: w.gaussian(3, std=0), ValueError, "Standard deviation must be positive, got: 0"),
        (lambda w: w.exponential(3, tau=-1.0), ValueError, "Tau must be positive, got: -1.0"),
        (lambda w: w.exponential(3, center=1), ValueError, "Center must be None for symmetric windows"),
        (lambda w: w.kaiser(3, beta=-1.0), ValueError, "beta must be non-negative, got: -1.0"),
        (lambda w: w.general_cosine(3, a=[]), ValueError, "Coefficients cannot be empty"),
        (lambda w: w.general_cosine(3, a=1), TypeError, "Coefficients must be a list/tuple"),
    ],
)
def test_windows_that_are_refused(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act(hotloop.signal.windows)


def test_parts_that_may_be_written_to(lib: Any) -> None:
    x = lib.ones(4, requires_grad=True)
    y = x * 1.0
    first, _ = lib.unsafe_split(y, 2)
    first.mul_(3.0)
    safe, _ = lib.split(x * 1.0, 2)
    with pytest.raises(RuntimeError, match="view"):
        safe.mul_(3.0)


def test_an_order_of_dims_in_memory(lib: Any) -> None:
    x = lib.empty_permuted((2, 3, 5), (1, 0, 2))
    assert tuple(x.shape) == (2, 3, 5)
    assert tuple(x.stride()) == (5, 10, 1)
    with pytest.raises(RuntimeError):
        lib.empty_permuted((2, 3), (0, 0))


def test_masks_that_do_not_fit(lib: Any) -> None:
    with pytest.raises(IndexError, match="mask"):
        lib.masked.sum(lib.ones(2), mask=lib.ones(3, 2, dtype=lib.bool))
    with pytest.raises(ValueError, match="Could not infer output dtype"):
        lib.masked.mean(lib.ones(2, dtype=lib.int64))
    with pytest.raises(RuntimeError, match="appears multiple times"):
        lib.masked.sum(lib.ones(2, 2), (0, 0))
    with pytest.raises(IndexError, match="Dimension out of range"):
        lib.masked.amax(lib.ones(2, 2), 2)
    with pytest.raises(ValueError, match="fully masked out rows"):
        lib.masked.median(lib.ones(2, 2, dtype=lib.int64), 1, mask=lib.zeros(2, 2, dtype=lib.bool))
    with pytest.raises(AssertionError, match="Only one of unbiased and correction"):
        lib.masked.var(lib.ones(2, 2), 1, True, correction=1)


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bins", [3, [2, 3, 4]])
def test_histograms_of_points(bins: Any, weighted: bool, density: bool) -> None:
    rng = np.random.default_rng(3)
    points, weight = rng.standard_normal((50, 3)), rng.random(50) if weighted else None
    given = None if weight is None else hotloop.tensor(weight).reshape(5, 10)
    got = hotloop.histogramdd(hotloop.tensor(points).reshape(5, 10, 3), bins, weight=given, density=density)
    hist, edges = np.histogramdd(points, bins, weights=weight, density=density)
    np.testing.assert_allclose(got.hist.numpy(), hist)
    for mine, numpys in zip(got.bin_edges, edges, strict=True):
        np.testing.assert_allclose(mine.numpy(), numpys)


def test_histograms_of_points_by_edges_and_in_a_range() -> None:
    points = np.random.default_rng(4).standard_normal((40, 2))
    edges = [np.array([-1.0, 0.0, 2.0]), np.array([-0.5, 0.25, 0.5, 3.0])]
    got = hotloop.histogramdd(hotloop.tensor(points), [hotloop.tensor(e) for e in edges])
    np.testing.assert_array_equal(got.hist.numpy(), np.histogramdd(points, edges)[0])
    got = hotloop.histogramdd(hotloop.tensor(points), 4, range=[-1.0, 1.0, 0.0, 2.0])
    np.testing.assert_array_equal(got.hist.numpy(), np.histogramdd(points, 4, [(-1, 1), (0, 2)])[0])
    with pytest.raises(RuntimeError, match="expected bins of each of the 2 dims, but got 3"):
        hotloop.histogramdd(hotloop.tensor(points), [1, 2, 3])
    with pytest.raises(RuntimeError, match="expected range to have 4 numbers, got 2"):
        hotloop.histogramdd(hotloop.tensor(points), 3, range=[0.0, 1.0])
    with pytest.raises(RuntimeError, match="at least 2 dimensions, but got 1"):
        hotloop.histogramdd(hotloop.ones(3), 3)


def test_methods_of_functions_written_in_python() -> None:
    x = hotloop.tensor([[0.0, 1.0], [0.0, 0.0]])
    assert x.matrix_exp().tolist() == [[1.0, 1.0], [0.0, 1.0]]
    hist, edges = x.histogram(2, range=(0.0, 2.0), density=True)
    assert hist.tolist() == [0.75, 0.25]
    assert edges.tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(RuntimeError, match="square matrices"):
        hotloop.ones(2, 3).matrix_exp()


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta"])
def test_derivatives_that_are_missing_are_named(lib: Any, name: str) -> None:
    x = lib.full((2,), 2.0, requires_grad=True)
    result = getattr(lib.special, name)(x, lib.ones(2))
    with pytest.raises((RuntimeError, NotImplementedError), match="is not implemented"):
        result.sum().backward()
    assert not lib.special.bessel_j0(x).requires_grad  # nor any other of its kin


def test_polynomials_of_numbers_alone(lib: Any) -> None:
    with pytest.raises(TypeError):
        lib.special.legendre_polynomial_p(0.5, 2)
    assert lib.special.legendre_polynomial_p(0.5, lib.tensor([0, 1])).tolist() == [1.0, 0.5]
    assert lib.special.shifted_chebyshev_polynomial_t(0.75, lib.tensor([0.0, 1.0])).tolist() == [1.0, 0.5]


def test_next_numbers_pass_gradients_on(lib: Any) -> None:
    x = lib.tensor([1.0, 2.0, 0.0], requires_grad=True)
    y = lib.tensor([3.0, 1.0, 0.0], requires_grad=True)
    lib.nextafter(x, y).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]
    assert y.grad.tolist() == [0.0, 0.0, 0.0]
