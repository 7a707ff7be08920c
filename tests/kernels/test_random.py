"""Random fills: each element against Philox4x32-10 written here, and the distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hotloop
from support.kernels import DTYPES, FLOATS, INTEGERS, bits, dtype, for_each_thread_count, round_to, tensor, values
from support.tolerance import assert_close

LENGTHS = (1, 5, 1023, 1025, 20001)
BITS = {"float16": 11, "bfloat16": 8, "float32": 24}


def philox(seed: int, first_block: int, blocks: int) -> np.ndarray:
    """Words of Philox4x32-10: (blocks, 4). The counter holds the block number, the key the seed."""
    counter = (first_block + np.arange(blocks, dtype=np.uint64)) & np.uint64(2**64 - 1)
    low = np.uint64(2**32 - 1)
    c = [counter & low, counter >> np.uint64(32), np.zeros(blocks, np.uint64), np.zeros(blocks, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        high0, high1 = p0 >> np.uint64(32), p1 >> np.uint64(32)
        c = [high1 ^ c[1] ^ np.uint64(k0), p1 & low, high0 ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=1)


def words(state: tuple[int, int], count: int) -> np.ndarray:
    return philox(*state, -(-count // 4)).ravel()[:count]


def position(generator: hotloop.Generator) -> tuple[int, int]:
    """A generator's seed and the next block of its stream."""
    seed, block = generator.get_state().numpy().view(np.uint64)
    return int(seed), int(block)


def stream(seed: int) -> tuple[hotloop.Generator, tuple[int, int]]:
    """A generator some way along, and where it stands."""
    made = hotloop.Generator().manual_seed(seed)
    hotloop.rand(7, generator=made)
    return made, position(made)


def test_philox_known_answer():
    assert [hex(word) for word in philox(0, 0, 1)[0]] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


@pytest.mark.parametrize("name", FLOATS)
def test_uniform(kernels, name):
    for n in LENGTHS:
        made, state = stream(0x123456789ABCDEF)
        got = hotloop.rand(n, generator=made, dtype=dtype(name))
        kernels.ran()
        if name == "float64":
            w = words(state, 2 * n)
            expected = ((w[0::2] | w[1::2] << np.uint64(32)) >> np.uint64(11)) * 2.0**-53
        else:
            expected = np.ldexp((words(state, n) >> np.uint64(32 - BITS[name])).astype(np.float64), -BITS[name])
        assert values(got).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", FLOATS)
def test_normal(kernels, name):
    for n in LENGTHS:
        made, state = stream(77)
        drawn = hotloop.randn(n, generator=made, dtype=dtype(name))
        kernels.ran()
        even = n + n % 2
        if name == "float64":
            w = words(state, 2 * even)
            fractions = (w[0::2] | w[1::2] << np.uint64(32)) >> np.uint64(11)
            u, v = (fractions[0::2] + np.uint64(1)) * 2.0**-53, fractions[1::2] * 2.0**-53
        else:
            fractions = words(state, even) >> np.uint64(8)
            u, v = (fractions[0::2] + np.uint64(1)) * 2.0**-24, fractions[1::2] * 2.0**-24
        radius = np.sqrt(-2 * np.log(u))
        pair = np.stack([radius * np.cos(2 * math.pi * v), radius * np.sin(2 * math.pi * v)], axis=1).ravel()[:n]
        # Near an angle's zero the error is absolute: some units of the radius.
        largest = np.repeat(radius, 2)[:n]
        assert_close(values(drawn), pair, name, reduction_length=4, magnitude=largest)


@pytest.mark.parametrize("name", DTYPES)
def test_bernoulli(kernels, name):
    for n in LENGTHS:
        made, state = stream(5)
        x = hotloop.zeros(n, dtype=dtype(name)).bernoulli_(0.3, generator=made)
        kernels.ran()
        assert_close(values(x).astype(bool), words(state, n) < round(0.3 * 2**32))


@pytest.mark.parametrize("name", [*INTEGERS, "float32", "float64"])
def test_integers(kernels, name):
    low, high = (3, 200) if name == "uint8" else (-50, 77)
    for n in LENGTHS:
        made, state = stream(9)
        got = hotloop.randint(low, high, (n,), generator=made, dtype=dtype(name))
        kernels.ran()
        w = words(state, 2 * n)
        drawn = w[0::2] | w[1::2] << np.uint64(32)
        expected = np.array([low + (int(d) * (high - low) >> 64) for d in drawn[:500]])
        assert_close(values(got)[:500].astype(np.int64), expected)
        assert values(got).min() >= low
        assert values(got).max() < high


@pytest.mark.parametrize("name", FLOATS)
def test_dropout(kernels, name):
    x = round_to(np.random.default_rng(0).normal(size=3001), name)
    leaf = tensor(x, name).requires_grad_()
    hotloop.manual_seed(11)
    state = position(hotloop.default_generator)
    out = hotloop.dropout(leaf, 0.3, True)
    kernels.ran()
    keep = words(state, 3001) >= round(0.3 * 2**32)
    scale = np.float32(1 / 0.7).astype(np.float64) if name != "float64" else 1 / (1 - 0.3)
    assert_close(values(out), np.where(keep, x * scale, 0), name)
    out.backward(tensor(x, name))
    assert_close(values(leaf.grad), np.where(keep, x * scale, 0), name)


def test_distributions():
    hotloop.manual_seed(0)
    n = 400_000
    z, u = values(hotloop.randn(n)), values(hotloop.rand(n))
    assert abs(z.mean()) < 4 / math.sqrt(n)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / n)
    assert abs((z**4).mean() - 3) < 4 * math.sqrt(96 / n)
    assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 4 / math.sqrt(n / 2)
    assert abs(u.mean() - 0.5) < 4 * math.sqrt(1 / 12 / n)
    counts = np.bincount(values(hotloop.randint(0, 7, (n,))), minlength=7)
    assert np.all(np.abs(counts - n / 7) < 5 * math.sqrt(n / 7))


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads_and_prefixes(vectors):
    def draw(make):
        hotloop.manual_seed(3)
        return make()

    for make in (
        lambda: hotloop.randn(100_003),
        lambda: hotloop.rand(100_003),
        lambda: hotloop.randint(0, 9, (100_003,)),
    ):
        for_each_thread_count(vectors, lambda make=make: draw(make))
    long, short = draw(lambda: hotloop.randn(5000)), draw(lambda: hotloop.randn(777))
    vectors.ran()
    assert bits(long[:777]) == bits(short)


def test_bits_are_those_of_every_instruction_set(vectors):
    from hotloop import _core

    def draw():
        hotloop.manual_seed(3)
        return bits(
            [hotloop.randn(1025), hotloop.randn(1025, dtype=hotloop.float64), hotloop.randn(77, dtype=hotloop.float16)]
        )

    got = draw()
    vectors.ran()
    _core.cap_isa("baseline")
    assert got == draw()


def test_poisson_numbers_are_the_references(vectors):
    from hotloop import _core

    rates = hotloop.linspace(-1, 60, 3001).clamp(min=0)
    rates[5] = math.inf

    def draw(name):
        given = rates.to(dtype(name))
        hotloop.manual_seed(3)
        return hotloop.poisson(given)

    for name in FLOATS:
        got = draw(name)
        vectors.ran()
        _core.cap_isa("reference")
        assert bits(got) == bits(draw(name))
        _core.cap_isa(vectors.name)
