"""Random numbers: their distributions, and that a seed gives the same ones for any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import hotloop

N = 200_000

FILLS: dict[str, Callable[[], hotloop.Tensor]] = {
    "rand": lambda: hotloop.rand(N),
    "randn": lambda: hotloop.randn(N),
    "rand-float64": lambda: hotloop.rand(N, dtype=hotloop.float64),
    "randn-float64": lambda: hotloop.randn(N, dtype=hotloop.float64),
    "rand_like": lambda: hotloop.rand_like(hotloop.empty(N, dtype=hotloop.float16)),
    "randn_like": lambda: hotloop.randn_like(hotloop.empty(N, dtype=hotloop.bfloat16)),
    "randint": lambda: hotloop.randint(-5, 7, (N,)),
    "randperm": lambda: hotloop.randperm(N),
    "uniform_": lambda: hotloop.empty(N).uniform_(-3, 5),
    "normal_": lambda: hotloop.empty(N).normal_(2, 3),
    "bernoulli_": lambda: hotloop.empty(N).bernoulli_(0.3),
    "random_": lambda: hotloop.empty(N, dtype=hotloop.int32).random_(0, 10),
    "dropout": lambda: hotloop.dropout(hotloop.ones(N), 0.4),
    "strided": lambda: hotloop.empty(N // 100, 100).t().uniform_(),
}


@pytest.fixture
def threads() -> Iterator[None]:
    before = hotloop.get_num_threads()
    yield
    hotloop.set_num_threads(before)


@pytest.mark.parametrize("name", FILLS)
def test_a_seed_gives_the_same_numbers_for_any_number_of_threads(name: str, threads: None) -> None:
    results = []
    for count in (1, 2, 3, 8):
        hotloop.set_num_threads(count)
        hotloop.manual_seed(11)
        first, second = FILLS[name](), FILLS[name]()
        results.append(first.double().numpy())
        assert not np.array_equal(first.double().numpy(), second.double().numpy())  # the stream goes on
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    hotloop.manual_seed(12)
    assert not np.array_equal(results[0], FILLS[name]().double().numpy())


def moments(x: hotloop.Tensor) -> tuple[float, float, float, float]:
    values = x.double().numpy().ravel()
    centred = values - values.mean()
    sigma = values.std()
    return (
        float(values.mean()),
        float(sigma),
        float((centred**3).mean() / sigma**3),
        float((centred**4).mean() / sigma**4),
    )


def assert_moments(x: hotloop.Tensor, mean: float, std: float, kurtosis: float) -> None:
    got_mean, got_std, skewness, got_kurtosis = moments(x)
    allowed = 5 * std / x.numel() ** 0.5  # five standard deviations of the mean of so many
    assert abs(got_mean - mean) < allowed
    assert abs(got_std - std) < 5 * std * ((kurtosis - 1) / (4 * x.numel())) ** 0.5 + 1e-3 * std
    assert abs(skewness) < 0.03
    assert abs(got_kurtosis - kurtosis) < 0.06


FLOATING = [hotloop.float64, hotloop.float32, hotloop.float16]


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_uniform(dtype: hotloop.dtype) -> None:
    hotloop.manual_seed(0)
    x = hotloop.rand(N, dtype=dtype)
    assert_moments(x, 0.5, 12**-0.5, 1.8)
    assert float(x.min()) >= 0
    assert float(x.max()) < 1
    counts, _ = np.histogram(x.double().numpy(), 64, (0, 1))
    assert ((counts - N / 64) ** 2 / (N / 64)).sum() < 63 + 5 * (2 * 63) ** 0.5
    assert_moments(hotloop.empty(N, dtype=dtype).uniform_(-3, 5), 1, 8 * 12**-0.5, 1.8)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_normal(dtype: hotloop.dtype) -> None:
    hotloop.manual_seed(0)
    x = hotloop.randn(N, dtype=dtype)
    assert_moments(x, 0, 1, 3)
    edges = np.linspace(-3, 3, 33)
    from math import erf

    below = np.array([0.5 * (1 + erf(e / 2**0.5)) for e in edges])
    counts, _ = np.histogram(x.double().numpy(), edges)
    expected = N * np.diff(below)
    assert ((counts - expected) ** 2 / expected).sum() < 32 + 5 * (2 * 32) ** 0.5
    assert float(x.abs().max()) > 3.9  # the tails are there
    assert_moments(hotloop.empty(N, dtype=dtype).normal_(2, 3), 2, 3, 3)
    neighbours = x.double().numpy()
    assert abs(np.corrcoef(neighbours[:-1], neighbours[1:])[0, 1]) < 5 / N**0.5


@pytest.mark.parametrize("dtype", [hotloop.int64, hotloop.int32, hotloop.uint8, hotloop.int8, hotloop.float32], ids=str)
def test_integers_are_even_over_their_range(dtype: hotloop.dtype) -> None:
    hotloop.manual_seed(0)
    x = hotloop.randint(3, 13, (N,), dtype=dtype)
    assert x.dtype is dtype
    counts = np.bincount(x.long().numpy(), minlength=13)
    assert counts[:3].sum() == 0
    assert ((counts[3:] - N / 10) ** 2 / (N / 10)).sum() < 9 + 5 * 18**0.5
    assert hotloop.randint(5, (2, 3)).shape == (2, 3)
    assert int(hotloop.randint(-(2**62), 2**62, (1000,)).abs().max()) > 2**60


def test_bernoulli_and_dropout() -> None:
    hotloop.manual_seed(0)
    for p in (0.0, 0.3, 1.0):
        x = hotloop.empty(N).bernoulli_(p)
        assert set(np.unique(x.numpy())) <= {0.0, 1.0}
        assert abs(float(x.mean()) - p) < 5 * (p * (1 - p) / N) ** 0.5 + 1e-12
    x = hotloop.full((N,), 3.0, requires_grad=True)
    y = hotloop.dropout(x, 0.25)
    assert set(np.unique(y.detach().numpy())) == {0.0, 4.0}
    assert abs(float((y == 0).float().mean()) - 0.25) < 5 * (0.25 * 0.75 / N) ** 0.5
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy() * 3, y.detach().numpy())
    np.testing.assert_array_equal(hotloop.dropout(x, 0.25, training=False).detach().numpy(), x.detach().numpy())
    assert not hotloop.dropout(x, 1.0).any()
    with pytest.raises(ValueError, match=r"dropout.*between 0 and 1.*1\.5"):
        hotloop.dropout(x, 1.5)


def test_permutations() -> None:
    hotloop.manual_seed(0)
    np.testing.assert_array_equal(np.sort(hotloop.randperm(1000).numpy()), np.arange(1000))
    assert hotloop.randperm(5, dtype=hotloop.int32).dtype is hotloop.int32
    assert hotloop.randperm(0).shape == (0,)
    first = [int(hotloop.randperm(4)[0]) for _ in range(4000)]
    assert np.all(np.abs(np.bincount(first, minlength=4) - 1000) < 5 * (1000 * 0.75) ** 0.5)


def test_generators_are_streams_of_their_own() -> None:
    a = hotloop.Generator().manual_seed(5)
    b = hotloop.Generator().manual_seed(5)
    first = hotloop.rand(10, generator=a)
    hotloop.rand(100)  # the default generator does not move a
    state = a.get_state()
    second = hotloop.rand(10, generator=a)
    np.testing.assert_array_equal(hotloop.rand(10, generator=b).numpy(), first.numpy())
    np.testing.assert_array_equal(hotloop.rand(10, generator=b).numpy(), second.numpy())
    a.set_state(state)
    np.testing.assert_array_equal(hotloop.rand(10, generator=a).numpy(), second.numpy())
    assert a.initial_seed() == 5
    for fill in (
        lambda g: hotloop.randn(3, generator=g),
        lambda g: hotloop.randint(9, (3,), generator=g),
        lambda g: hotloop.randperm(9, generator=g),
        lambda g: hotloop.empty(3).uniform_(generator=g),
        lambda g: hotloop.empty(3).normal_(generator=g),
        lambda g: hotloop.empty(9).bernoulli_(0.5, generator=g),
    ):
        results = [fill(hotloop.Generator().manual_seed(7)).tolist() for _ in range(2)]
        assert results[0] == results[1]


def test_every_layout_is_filled() -> None:
    hotloop.manual_seed(3)
    base = hotloop.zeros(6, 8)
    base[::2, 1::2].uniform_(1, 2)
    filled = base.numpy() > 0
    assert filled[::2, 1::2].all()
    assert filled.sum() == 12


def test_messages() -> None:
    for act, message in [
        (lambda: hotloop.rand(2, dtype=hotloop.int64), "rand.*floating.*int64"),
        (lambda: hotloop.randn(-2), "randn.*negative dimension -2"),
        (lambda: hotloop.randint(5, 5, (2,)), "randint.*5.*5|random.*5.*5"),
        (lambda: hotloop.randperm(-1), "randperm.*-1"),
        (lambda: hotloop.empty(2).bernoulli_(1.5), "bernoulli.*1.5"),
        (lambda: hotloop.empty(2).uniform_(3, 1), "uniform.*3.*1"),
        (lambda: hotloop.empty(2).normal_(0, -1), "normal.*-1"),
        (lambda: hotloop.empty(2, dtype=hotloop.int64).normal_(), "normal.*int64"),
    ]:
        with pytest.raises((RuntimeError, ValueError, TypeError), match=message):
            act()
    with pytest.raises(TypeError, match=r"argument 'generator' \(position 2\) must be Generator \| None, not int"):
        hotloop.rand(2, generator=3)


def test_seeds_are_all_of_64_bits():
    for given, seed in ((-1, 2**64 - 1), (2**64 - 1, 2**64 - 1), (-(2**63), 2**63), (np.int64(7), 7)):
        assert hotloop.manual_seed(given).initial_seed() == seed
        assert hotloop.Generator().manual_seed(given).initial_seed() == seed
    for given in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="seed: an integer from"):
            hotloop.manual_seed(given)
