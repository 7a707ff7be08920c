"""Corners of signatures, dtypes and shapes that PyTorch's own samples don't reach, judged by PyTorch itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop

torch = pytest.importorskip("torch", reason="compared with PyTorch, which is not installed")

Call = Callable[[Any, Any], Any]  # of a library and a float32 matrix 2 x 3


def as_list(result: Any) -> Any:
    if isinstance(result, (hotloop.Tensor, torch.Tensor)):
        dtype = str(result.dtype).split(".")[1]
        wide = result.detach().double() if result.dtype not in (hotloop.bool, torch.bool) else result
        return dtype, tuple(result.shape), wide.tolist()
    return [as_list(one) for one in result]


RESULTS: dict[str, Call] = {
    # NumPy's names of parameters.
    "axis": lambda lib, x: lib.sum(x, axis=1),
    "axis and keepdims": lambda lib, x: x.amax(axis=(0, 1), keepdims=True),
    "axis of a scan": lambda lib, x: x.cumsum(axis=-1),
    "axis of a sort": lambda lib, x: lib.sort(x, axis=0, descending=True),
    "axis of softmax": lambda lib, x: lib.softmax(x, axis=1),
    "axis of squeeze": lambda lib, x: x[:1].squeeze(axis=0),
    "x1 and x2": lambda lib, x: lib.mul(x1=x, x2=2),
    "x": lambda lib, x: lib.abs(x=x),
    "a": lambda lib, x: lib.exp(a=x * 0),
    # Reductions over no dims.
    "any of no dims": lambda lib, x: lib.any(x, dim=()),
    "all of no dims": lambda lib, x: x.all(dim=(), keepdim=True),
    "any of no dims in uint8": lambda lib, x: x.to(lib.uint8).any(dim=()),
    # Indices.
    "uint8 is a mask": lambda lib, x: x[lib.tensor([1, 0], dtype=lib.uint8)],
    "where of a condition alone": lambda lib, x: lib.where(x > 1),
    "where of no dims": lambda lib, x: lib.where(lib.tensor(True)),
    "where by uint8": lambda lib, x: lib.where((x > 1).to(lib.uint8), x, 0),
    "movedim of no dims": lambda lib, x: lib.movedim(x[0, 1], 0, -1),
    # Whole numbers.
    "cosine_similarity of mixed dtypes": lambda lib, x: lib.nn.functional.cosine_similarity(x, x.to(lib.int64), 1),
    "addr of mixed dtypes": lambda lib, x: lib.addr(
        lib.ones(2, 2, dtype=lib.bool), lib.ones(2, dtype=lib.int8), lib.ones(2, dtype=lib.int8)
    ),
    "einsum sums one whole number": lambda lib, x: lib.einsum("iji->j", lib.ones(1, 3, 1, dtype=lib.int8)),
    "sum_to_size of one whole number": lambda lib, x: lib.tensor(3, dtype=lib.int32).sum_to_size(()),
    # Memory that elements share takes one value.
    "fill_ of an expanded tensor": lambda lib, x: lib.zeros(2, 1).expand(2, 3).fill_(2),
    "zero_ of an expanded tensor": lambda lib, x: lib.ones(2, 1, 1).expand(2, 3, 2).zero_(),
    "an empty expanded tensor": lambda lib, x: lib.ones(0, 1).expand(0, 3).sin_(),
    "fill_ by a tensor": lambda lib, x: x.fill_(lib.tensor(7)),
    "__rdiv__": lambda lib, x: (x + 1).__rdiv__(2),
    "special out": lambda lib, x: lib.special.xlog1py(x, x, out=lib.empty(0)),
    "entr out": lambda lib, x: lib.special.entr(x * 0 + 1, out=lib.empty(2, 3)),
}


@pytest.mark.filterwarnings("ignore:.*uint8:UserWarning")  # PyTorch's own
@pytest.mark.parametrize("call", RESULTS.values(), ids=RESULTS.keys())
def test_results(call: Call) -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    got, expected = (as_list(call(lib, lib.from_numpy(matrix.copy()))) for lib in (hotloop, torch))
    assert got == expected or (np.allclose(got[2], expected[2], rtol=1e-6) and got[:2] == expected[:2])


ERRORS: dict[str, Call] = {
    "kthvalue of nothing": lambda lib, x: x[:0].kthvalue(1, 0),
    "a dim named twice": lambda lib, x: x.squeeze((0, 0)),
    "two unknown sizes": lambda lib, x: x.unflatten(1, (-1, -1)),
    "int32 for take": lambda lib, x: x.take(lib.tensor([0], dtype=lib.int32)),
    "int32 for take_along_dim": lambda lib, x: x.take_along_dim(lib.zeros(2, 3, dtype=lib.int32), 1),
    "int32 for index_fill": lambda lib, x: x.index_fill(0, lib.tensor([0], dtype=lib.int32), 1),
    "fill_ by a vector": lambda lib, x: x.fill_(lib.ones(1)),
    "lerp of two dtypes": lambda lib, x: x.lerp(x.double(), 0.5),
    "addcdiv of whole numbers": lambda lib, x: x.addcdiv(lib.ones(2, 3, dtype=lib.int64), lib.tensor(2)),
    "cosine_similarity of whole numbers": lambda lib, x: lib.nn.functional.cosine_similarity(
        lib.ones(3, dtype=lib.int64), lib.ones(3, dtype=lib.int64), 0
    ),
    "axis and dim": lambda lib, x: x.sum(dim=0, axis=1),
    "a name of another parameter": lambda lib, x: lib.exp(x2=x),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS.keys())
def test_error_kinds(call: Call) -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever PyTorch raises
        call(torch, torch.from_numpy(matrix.copy()))
    with pytest.raises(expected.type):
        call(hotloop, hotloop.from_numpy(matrix.copy()))


# 16-bit floats by a number: which of the two is rounded to 16 bits is PyTorch's choice, op by op.
BY_NUMBER: dict[str, Call] = {
    "product": lambda lib, x: x * 0.1,
    "product from the left": lambda lib, x: 0.1 * x,
    "product in place": lambda lib, x: x.clone().mul_(0.1),
    "product past the greatest float16": lambda lib, x: x * 0.001 * 1e5,
    "quotient": lambda lib, x: x / 0.3,
    "quotient in place": lambda lib, x: x.clone().div_(0.3),
    "sum": lambda lib, x: x + 0.1,
    "difference": lambda lib, x: 0.1 - x,
    "alpha": lambda lib, x: x.add(x.flip(0), alpha=0.1),
    "power": lambda lib, x: x.abs() ** 2.3,
    "comparison": lambda lib, x: (x < 0.1).to(x.dtype),
    "clamp": lambda lib, x: x.clamp(-0.1, 0.3),
    "leaky_relu": lambda lib, x: lib.nn.functional.leaky_relu(x, 0.1),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("call", BY_NUMBER.values(), ids=BY_NUMBER.keys())
def test_sixteen_bits_by_a_number(call: Call, dtype: str) -> None:
    numbers = (
        np.random.default_rng(5).standard_normal(2048).astype(np.float32)
    )  # whole vectors: of the rest PyTorch rounds more
    got, expected = (
        call(lib, lib.from_numpy(numbers).to(getattr(lib, dtype))).float().numpy() for lib in (hotloop, torch)
    )
    assert np.array_equal(got, expected)


def test_gradients_of_sixteen_bits_by_a_number() -> None:
    x = hotloop.ones(3, dtype=hotloop.float16, requires_grad=True)
    (x * 0.1 / 0.3).sum().backward()
    y = torch.ones(3, dtype=torch.float16, requires_grad=True)
    (y * 0.1 / 0.3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == y.grad.tolist()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_nextafter_of_sixteen_bits(dtype: str) -> None:
    edges = [0.0, -0.0, 1.0, -1.0, 1.9921875, 3.3895314e38, -3.3895314e38, np.inf, -np.inf, np.nan, 1e-40, -1e-40]
    edges += [1.1754944e-38, -1.1754944e-38, 9.2e-41, 0.0078125, 65504.0, -65504.0, 6e-8, -6e-8, 6.1e-5, 1.9990234]
    a, b = (np.array(v, np.float32) for v in zip(*((p, q) for p in edges for q in edges), strict=True))
    for in_place in (False, True):
        got, expected = (
            getattr(lib.from_numpy(a).to(getattr(lib, dtype)), "nextafter_" if in_place else "nextafter")(
                lib.from_numpy(b).to(getattr(lib, dtype))
            ).float()
            for lib in (hotloop, torch)
        )
        assert np.array_equal(got.numpy(), expected.numpy(), equal_nan=True)


@pytest.mark.parametrize("p", [3.0, 4.0, 0.5, -2.0])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_norms_of_sixteen_bits_whose_powers_overflow(dtype: str, p: float) -> None:
    for values in ([[30.0, -80.0], [7.0, 0.5]], [[0.01, 0.002], [0.03, 1.0]]):
        got, want = (
            lib.linalg.vector_norm(lib.tensor(values, dtype=getattr(lib, dtype)), p) for lib in (hotloop, torch)
        )
        assert got.item() == want.item()


def test_index_fill_counts_a_row_once_that_is_named_twice() -> None:
    grads = []
    for lib in (hotloop, torch):
        value = lib.tensor(3.0, requires_grad=True)
        filled = lib.zeros(3, 4).index_fill(1, lib.tensor([0, 2, 0, 3]), value)
        (filled * lib.arange(12.0).reshape(3, 4)).sum().backward()
        grads.append(value.grad.item())
    assert grads[0] == grads[1]


@pytest.mark.parametrize("name", ["i1", "i1e"])
def test_second_gradients_at_zero(name: str) -> None:
    def second(lib: Any) -> Any:
        x = lib.tensor([0.0, 0.5, -2.0], dtype=lib.float64, requires_grad=True)
        (first,) = lib.autograd.grad(getattr(lib.special, name)(x).sum(), x, create_graph=True)
        return lib.autograd.grad(first.sum(), x)[0].numpy()

    got, expected = second(hotloop), second(torch)
    assert np.allclose(got, expected, rtol=1e-12)


def test_a_power_of_zero_is_differentiated() -> None:
    x = hotloop.full((2, 2), float("nan"), requires_grad=True)
    one = hotloop.linalg.matrix_power(x, 0)
    one.sum().backward()
    assert x.grad is not None
    assert one.tolist() == [[1, 0], [0, 1]]
    assert x.grad.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("name", ["tril_indices", "triu_indices"])
@pytest.mark.parametrize("offset", [2**63 - 1, 2**63 - 11, -(2**63), -(2**63) + 11])
def test_diagonals_far_outside(name: str, offset: int) -> None:
    found = getattr(hotloop, name)(20, 30, offset)
    assert found.shape[1] == (600 if (offset > 0) == (name == "tril_indices") else 0)


@pytest.mark.parametrize("targets", [[[1, 2]], [[]]])
def test_nan_stays_in_a_ctc_loss(targets: list[list[int]]) -> None:
    steps = hotloop.full((4, 1, 3), float("nan"))
    lengths = hotloop.tensor([4]), hotloop.tensor([len(targets[0])])
    found = hotloop.nn.functional.ctc_loss(
        steps, hotloop.tensor(targets, dtype=hotloop.int64).reshape(1, -1), *lengths, reduction="none"
    )
    assert np.isnan(found.cpu().numpy()).all()


def test_a_rate_of_nan_is_refused() -> None:
    with pytest.raises(RuntimeError, match="invalid Poisson rate"):
        hotloop.poisson(hotloop.tensor([1.0, np.nan]))


def test_zeta_of_infinity_ends() -> None:
    assert hotloop.special.zeta(float("inf"), hotloop.tensor([0.5, 1.0, 2.0])).tolist() == [float("inf"), 1, 0]


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_renorm_leaves_slices_alone_that_are_small_or_have_nan(p: float) -> None:
    results = []
    for lib in (hotloop, torch):
        x = lib.tensor([[3.0, 4.0], [0.1, 0.0], [float("nan"), 2.0]], dtype=lib.float64, requires_grad=True)
        y = lib.renorm(x, p, 0, 1.0)
        (y * lib.arange(1.0, 7.0, dtype=lib.float64).reshape(3, 2)).sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy()))
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)
