"""In-place ops whose operands, or own elements, share the memory that they write, in both libraries."""

from __future__ import annotations

from typing import Any

import pytest

import hotloop

torch = pytest.importorskip("torch")

OPERATORS = ["__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__", "__imod__", "__ipow__"]
BINARY = ["add_", "sub_", "div_", "atan2_", "copysign_", "eq_", "lt_", "fmod_", "hypot_", "logical_and_", "pow_"]
BINARY += ["clamp_", "clamp_min_", "xlogy_", "lerp_ to", "addcmul_", "copy_", "bernoulli_", "masked_scatter_"]
BINARY += ["ldexp_", "addr_", "addmm_", "bitwise_or_", "masked_fill_ by"]
INDEXED = ["index_add_", "index_copy_", "index_put_", "scatter_", "scatter_add_", "scatter_reduce_", "put_"]
INDEXED += ["set some", "set all", "set masked", "set masked to one"]
UNARY = ["exp_", "neg_", "relu_", "round_", "nan_to_num_", "cumsum_", "normal_", "uniform_", "random_", "bernoulli_"]
UNARY += ["fill_", "zero_", "fill_diagonal_", "t_", "squeeze_", "clamp_ to numbers", "set all to a number"]


def apply(lib: Any, name: str, x: Any, y: Any) -> None:
    rows = lib.arange(x.shape[0])
    zeros = lib.zeros(x.shape, dtype=lib.int64)
    everything = lib.ones(x.shape, dtype=lib.bool)
    special = {
        "lerp_ to": lambda: x.lerp_(y, 0.5),
        "addcmul_": lambda: x.addcmul_(lib.ones_like(x), y),
        "masked_scatter_": lambda: x.masked_scatter_(everything, y),
        "bernoulli_": lambda: x.zero_().bernoulli_(y) if y is not None else x.bernoulli_(),
        "addr_": lambda: x.addr_(y[:, 0], lib.ones(x.shape[1])),
        "addmm_": lambda: x.addmm_(y, lib.eye(x.shape[1])),
        "bitwise_or_": lambda: x.ge_(0.5).bitwise_or_(y),
        "masked_fill_ by": lambda: x.masked_fill_(everything, y.reshape(-1)[0]),
        "index_add_": lambda: x.index_add_(0, rows, y),
        "index_copy_": lambda: x.index_copy_(0, rows, y),
        "index_put_": lambda: x.index_put_((rows,), y),
        "scatter_": lambda: x.scatter_(0, zeros[:1], y),
        "scatter_add_": lambda: x.scatter_add_(0, zeros, y),
        "scatter_reduce_": lambda: x.scatter_reduce_(0, zeros, y, "amax"),
        "put_": lambda: x.put_(lib.arange(x.numel()), y),
        "set some": lambda: x.__setitem__(rows, y),
        "set all": lambda: x.__setitem__(slice(None), y),
        "set masked": lambda: x.__setitem__(everything, y.reshape(-1)),
        "set masked to one": lambda: x.__setitem__(everything, y.reshape(-1)[0]),
        "cumsum_": lambda: x.cumsum_(0),
        "fill_": lambda: x.fill_(3.0),
        "fill_diagonal_": lambda: x.fill_diagonal_(3.0),
        "clamp_ to numbers": lambda: x.clamp_(0.0, 1.0),
        "set all to a number": lambda: x.__setitem__(slice(None), 3.0),
    }
    special.get(name, lambda: getattr(x, name)(*([] if y is None else [y])))()


def pairs(lib: Any, dtype: Any) -> dict[str, tuple[Any, Any]]:
    def memory(shape: tuple[int, int] = (1, 24)) -> Any:
        return (lib.arange(24.0)[: shape[0] * shape[1]].reshape(shape) / 24).to(dtype)

    line, square, wide = memory()[0], memory((4, 4)), memory((3, 4))
    return {
        "shifted": (line[1:13].reshape(3, 4), line[:12].reshape(3, 4)),
        "beside": (line[12:].reshape(3, 4), line[:12].reshape(3, 4)),
        "the same": (wide.clone(), wide),
        "itself": (wide, wide),
        "another view of it": (wide, wide.view(3, 4)),
        "transposed": (square, square.t()),
        "one row of it": (wide, wide[1]),
        "one element of it": (wide, wide[1, 1]),
        "its diagonal, expanded": (square, square.diagonal().expand(4, 4)),
    }


NAMES = ["shifted", "beside", "the same", "itself", "another view of it", "transposed", "one row of it"]
NAMES += ["one element of it", "its diagonal, expanded"]


def outcome(lib: Any, name: str, x: Any, y: Any) -> str:
    try:
        apply(lib, name, x, y)
    except (RuntimeError, IndexError, ValueError) as error:
        text = str(error)
        if "unsupported operation" not in text:
            return "another error"
        assert "Please clone() the tensor before performing the operation" in text
        return "more than one element" if "more than one element of the written-to" in text else "some elements"
    return "runs"


@pytest.mark.parametrize("pair", NAMES)
@pytest.mark.parametrize("name", OPERATORS + BINARY + INDEXED)
def test_operands_are_refused_as_by_torch(name: str, pair: str) -> None:
    dtype = "bool" if name == "bitwise_or_" else "float32"
    got, want = (outcome(lib, name, *pairs(lib, getattr(lib, dtype))[pair]) for lib in (hotloop, torch))
    assert got == want or (want == "another error" and got != "runs")  # a shape is wrong besides


@pytest.mark.parametrize("name", [*UNARY, "add_", "__iadd__", "scatter_", "index_add_", "set all", "lerp_ to"])
@pytest.mark.parametrize("strides", [(0, 1), (1, 0), (0, 0), (4, 1), (1, 1)])
def test_selves_are_refused_as_by_torch(name: str, strides: tuple[int, int]) -> None:
    outcomes = []
    for lib in (hotloop, torch):
        x = (lib.arange(24.0) / 24).as_strided((3, 4), strides)
        outcomes.append(outcome(lib, name, x, None if name in UNARY else lib.ones(3, 4)))
    assert outcomes[0] == outcomes[1]
    assert (outcomes[0] == "more than one element") <= (0 in strides)


def test_indices_that_lie_in_the_written_memory() -> None:
    for lib in (hotloop, torch):
        x = lib.arange(6)
        with pytest.raises(RuntimeError, match="some elements of the input tensor"):
            x.index_fill_(0, x[:2], 1)
        with pytest.raises(RuntimeError, match="some elements of the input tensor"):
            x[x[2:4]] = 1
        with pytest.raises(RuntimeError, match="some elements of the input tensor"):
            x.scatter_(0, x, 1)
        x.index_fill_(0, lib.tensor([2]), x[1])
        assert x.tolist() == [0, 1, 1, 3, 4, 5]


def test_the_message_names_op_and_shapes() -> None:
    x = hotloop.arange(6.0)
    with pytest.raises(
        RuntimeError, match=r"^add_: unsupported .*an input of shape \[5\], part of .* memory of shape \[5\]"
    ):
        x[1:].add_(x[:-1])
    with pytest.raises(RuntimeError, match=r"^//=: unsupported operation: some elements"):
        x[1:] //= x[:-1]
    with pytest.raises(RuntimeError, match=r"^exp_: unsupported .*more than one element .*expanded along dim 1"):
        hotloop.ones(3, 1).expand(3, 4).exp_()
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
