"""The keyword `out` of functions, in both libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def test_the_result_is_written_into_out_which_is_returned(lib: Any) -> None:
    x = lib.arange(6.0).reshape(2, 3)
    out = lib.empty(2, 3)
    assert lib.add(x, 1.0, out=out) is out
    assert out.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    part = lib.zeros(2, 6)[:, ::2]  # a view takes the values where it is
    lib.mul(x, 2.0, out=part)
    assert part.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]
    assert lib.exp(x, out=None).shape == x.shape


def test_an_empty_out_takes_the_shape_of_the_result(lib: Any) -> None:
    out = lib.empty(0)
    lib.cat([lib.ones(2), lib.zeros(1)], out=out)
    assert out.tolist() == [1.0, 1.0, 0.0]


def test_another_shape_is_warned_of(lib: Any) -> None:
    out = lib.zeros(5)
    with pytest.warns(UserWarning, match="resized"):
        lib.sum(lib.ones(2, 3), 0, out=out)
    assert out.tolist() == [2.0, 2.0, 2.0]


def test_out_keeps_its_dtype(lib: Any) -> None:
    out = lib.empty(2, dtype=lib.float64)
    lib.sqrt(lib.tensor([4.0, 9.0]), out=out)
    assert out.dtype is lib.float64
    assert out.tolist() == [2.0, 3.0]
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        lib.sqrt(lib.tensor([4.0, 9.0]), out=lib.empty(2, dtype=lib.int64))


def test_several_results(lib: Any) -> None:
    x = lib.tensor([3.0, 1.0, 2.0])
    values, indices = lib.empty(3), lib.empty(3, dtype=lib.int64)
    result = lib.sort(x, out=(values, indices))
    assert result[0] is values
    assert result.indices.tolist() == indices.tolist() == [1, 2, 0]
    with pytest.raises(TypeError):
        lib.sort(x, out=values)


def test_gradients_are_refused(lib: Any) -> None:
    x = lib.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        lib.exp(x, out=lib.empty(2))
    with lib.no_grad():
        assert not lib.exp(x, out=lib.empty(2)).requires_grad


def test_creation(lib: Any) -> None:
    out = lib.empty(0)
    assert lib.ones(2, out=out) is out
    assert lib.arange(3.0, out=lib.empty(0)).tolist() == [0.0, 1.0, 2.0]


def test_what_out_must_be(lib: Any) -> None:
    with pytest.raises(TypeError):
        lib.exp(lib.ones(2), out=3)
    with pytest.raises(TypeError):
        lib.unsqueeze(lib.ones(2), 0, out=lib.empty(1, 2))  # views have none
    with pytest.raises(RuntimeError, match="single memory location"):
        lib.exp(lib.ones(2), out=lib.zeros(1).expand(2))


OWN = {
    "neg": lambda lib, out: lib.neg(lib.ones(3), out=out),
    "amax": lambda lib, out: lib.amax(lib.ones(2, 3), 0, out=out),
    "mv": lambda lib, out: lib.mv(lib.ones(3, 2), lib.ones(2), out=out),
    "gather": lambda lib, out: lib.gather(lib.ones(3), 0, lib.tensor([0, 1, 1]), out=out),
    "softmax": lambda lib, out: lib.softmax(lib.ones(3), 0, out=out),
    "cumsum in a dtype": lambda lib, out: lib.cumsum(lib.ones(3), 0, dtype=lib.float32, out=out),
}


@pytest.mark.parametrize("call", OWN.values(), ids=OWN)
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_where_out_must_have_the_dtype_of_the_result(lib: Any, call: Any, dtype: str) -> None:
    with pytest.raises(RuntimeError, match=r"dtype"):
        call(lib, lib.empty(3, dtype=getattr(lib, dtype)))
    assert call(lib, lib.empty(3)).dtype is lib.float32


def test_the_dtype_is_that_of_out_where_the_call_leaves_it_open(lib: Any) -> None:
    x = lib.tensor([[1.6, 1.6], [0.6, 1.6]])
    assert lib.sum(x, 0, out=lib.empty(2, dtype=lib.int64)).tolist() == [1, 2]
    assert lib.cumsum(x, 1, out=lib.empty(2, 2, dtype=lib.int32)).tolist() == [[1, 2], [0, 1]]
    assert lib.zeros(2, out=lib.ones(2, dtype=lib.bool)).tolist() == [False, False]
    assert lib.full((2,), 1.5, out=lib.empty(2, dtype=lib.int8)).tolist() == [1, 1]
    assert lib.arange(0, 3.0, out=lib.empty(0, dtype=lib.int64)).tolist() == [0, 1, 2]
    wide = lib.empty(2, dtype=lib.float64)
    lib.mean(x.double() + 1e-12, 0, out=wide)
    assert abs(wide[1].item() - (x.double() + 1e-12).mean(0)[1].item()) < 1e-15


def test_out_that_shares_memory_with_an_input(lib: Any) -> None:
    memory = lib.arange(6.0)
    x = memory[:4]
    assert lib.exp(x, out=x) is x  # the same elements
    for overlapping in (memory[1:5], memory[2:]):
        with pytest.raises(RuntimeError, match="refer to a single memory location"):
            lib.exp(x, out=overlapping)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        lib.add(lib.ones(4), x, out=memory[1:5])
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        lib.cat([x, lib.ones(2)], out=memory)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        lib.cat([lib.empty(0), x], out=x)
    lib.exp(memory[:3], out=memory[3:])  # side by side
    index = lib.tensor([3, 2, 1, 0])
    for call in (lib.take, lambda x, i, out: lib.gather(x, 0, i, out=out)):
        with pytest.raises(RuntimeError, match="refer to a single memory location"):
            call(x, index, out=x)


def test_memory_is_looked_at_before_the_shape(lib: Any) -> None:
    with pytest.raises(RuntimeError, match="more than one element"):
        lib.exp(lib.ones(3), out=lib.zeros(1, 1).expand(2, 3))


@pytest.mark.parametrize("name", ["zeros_like", "rand_like", "std_mean"])
def test_functions_without_out(lib: Any, name: str) -> None:
    with pytest.raises(TypeError):
        getattr(lib, name)(lib.ones(2), out=lib.empty(2))


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, x, out: lib.median(x, 0, out=(out[0], lib.empty(3, dtype=lib.int64)))[0],
        lambda lib, x, out: lib.histogram(x, 3, out=(out[0], lib.empty(4)))[0],
        lambda lib, x, out: lib.linalg.norm(x, 2, 1, out=out[0]),
        lambda lib, x, out: lib.linalg.vecdot(x, x, out=out[0]),
        lambda lib, x, out: lib.linalg.svdvals(x, out=out[0]),
        lambda lib, x, out: lib.linalg.inv(x, out=out),
        lambda lib, x, out: lib.nn.functional.normalize(x, out=out),
        lambda lib, x, out: lib.mvlgamma(x + 9, 2, out=out),
    ],
)
def test_of_functions_that_are_made_of_others(lib: Any, call: Any) -> None:
    x = lib.tensor([[4.0, 1.0, -2.0], [0.5, 3.0, 1.0], [1.0, -1.0, 5.0]])
    out, other = lib.full((3, 3), 99.0), lib.full((3, 3), -55.0)
    result = call(lib, x, out)
    assert result.data_ptr() == out.data_ptr()
    assert result.tolist() == call(lib, x, other).tolist()  # whatever lay there before


def names_of_ops(call: Callable[[], object]) -> list[str]:
    with hotloop.profile() as profile:
        call()
    return [one.op for one in profile.ops]


def test_one_op_makes_its_result_in_out() -> None:
    x, y = hotloop.randn(40, 30), hotloop.randn(40, 30)
    square, out = hotloop.randn(40, 40), hotloop.empty(40, 40)
    assert names_of_ops(lambda: hotloop.matmul(square, square, out=out)) == ["matmul"]
    assert out.tolist() == (square @ square).tolist()
    first, rest = x[:10], y[10:]
    out = hotloop.empty(40, 30)
    assert names_of_ops(lambda: hotloop.cat([first, rest], out=out)) == ["cat"]
    assert names_of_ops(lambda: hotloop.softmax(x, 1, out=out)) == ["softmax"]
    want = (x + y).tolist()
    assert names_of_ops(lambda: hotloop.add(x, y, out=x)) == ["add"]  # elementwise, by the same elements
    assert x.tolist() == want
    with hotloop.no_grad():
        assert names_of_ops(lambda: hotloop.add(x.requires_grad_(), y, out=out)) == ["add"]


def test_steps_on_the_way_leave_the_result_whole(lib: Any) -> None:
    generator = [0.3, -1.2, 0.8, 2.5, -0.4, 1.1, 0.9, -2.0, 0.6]
    x = lib.tensor(generator).reshape(3, 3)
    for call in (
        lambda **kw: lib.matmul(x, x, **kw),
        lambda **kw: lib.addmm(x, x, x, beta=0.5, **kw),
        lambda **kw: lib.lerp(x, x * 2, 0.3, **kw),
        lambda **kw: lib.logaddexp(x, x.T, **kw),
        lambda **kw: lib.addcdiv(x, x, x + 5, value=2.0, **kw),
        lambda **kw: lib.std(x, 1, keepdim=True, **kw).expand(3, 3),
        lambda **kw: lib.sinc(x, **kw),
        lambda **kw: lib.nan_to_num(x, **kw),
        lambda **kw: lib.kron(x[:1, :1], x, **kw),
        lambda **kw: lib.tril(x, **kw),
        lambda **kw: lib.renorm(x, 2, 0, 1.0, **kw),
        lambda **kw: lib.clamp(x, -1.0, 1.0, **kw),
        lambda **kw: lib.float_power(x.double() + 3, 2.0, **kw),
    ):
        want = call()
        out = lib.empty(3, 1, dtype=want.dtype) if want.stride(1) == 0 else lib.full((3, 3), 7.0, dtype=want.dtype)
        call(out=out)
        assert out.expand(3, 3).tolist() == want.tolist()


def test_out_in_an_input_of_ops_that_look_elsewhere_too(lib: Any) -> None:
    for call in (
        lambda x, **kw: lib.matmul(x, x, **kw),
        lambda x, **kw: lib.softmax(x, 0, **kw),
        lambda x, **kw: lib.add(x, x.T, **kw),
        lambda x, **kw: lib.add(x, x[:1], **kw),
        lambda x, **kw: lib.sinc(x, **kw),
        lambda x, **kw: lib.tril(x, **kw),
        lambda x, **kw: lib.cumsum(x, 0, **kw),
    ):
        x = lib.arange(9.0).reshape(3, 3) / 8
        want = call(x).tolist()
        try:
            call(x, out=x)
        except RuntimeError as error:
            assert "single memory location" in str(error)
        else:
            assert x.tolist() == want


def test_writing_out_counts_as_a_change(lib: Any) -> None:
    w = lib.ones(3, requires_grad=True)
    x = lib.ones(3)
    y = w * x  # keeps x
    lib.exp(lib.zeros(3), out=x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_out_stays_as_it_was_where_the_call_is_refused(lib: Any) -> None:
    out = lib.zeros(3)
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        lib.exp(lib.ones(3, requires_grad=True), out=out)
    with pytest.raises(RuntimeError):
        lib.matmul(lib.ones(3, 2), lib.ones(3), out=out)
    assert out.tolist() == [0.0, 0.0, 0.0]
