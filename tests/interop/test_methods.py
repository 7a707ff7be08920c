"""What a tensor says of itself, and copies and pickles of it."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import hotloop


def test_item_and_tolist() -> None:
    assert hotloop.tensor([[2.5]]).item() == 2.5
    assert hotloop.tensor(7).item() == 7
    assert hotloop.tensor(True).item() is True
    assert isinstance(hotloop.tensor(7, dtype=hotloop.uint8).item(), int)
    assert hotloop.tensor(1.5, dtype=hotloop.float16).item() == 1.5
    assert math.isnan(hotloop.tensor(math.nan, dtype=hotloop.bfloat16).item())
    assert hotloop.arange(6).reshape(2, 3).T.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert hotloop.tensor(3).tolist() == 3
    assert hotloop.zeros(2, 0).tolist() == [[], []]
    with pytest.raises(RuntimeError, match="a Tensor with 3 elements cannot be converted to Scalar"):
        hotloop.ones(3).item()


def test_sizes_and_layout() -> None:
    x = hotloop.zeros(2, 3, 4)[1:].transpose(1, 2)
    assert x.size() == x.shape == (1, 4, 3)
    assert x.size(-1) == 3
    assert x.stride() == (12, 1, 4)
    assert x.stride(2) == 4
    assert (x.dim(), x.numel(), x.nelement(), x.element_size(), x.storage_offset()) == (3, 12, 12, 4, 12)
    assert not x.is_contiguous()
    assert x.contiguous().is_contiguous()
    assert x.data_ptr() == x.numpy().__array_interface__["data"][0]
    assert hotloop.zeros(0).data_ptr() == 0
    assert x.is_floating_point()
    assert hotloop.is_floating_point(x)
    assert not hotloop.zeros(1, dtype=hotloop.int64).is_floating_point()
    assert not x.is_complex()
    assert x.is_signed()
    assert not hotloop.zeros(1, dtype=hotloop.uint8).is_signed()
    assert hotloop.is_tensor(x)
    assert not hotloop.is_tensor(x.numpy())
    assert len(x) == 1
    for ask in (x.size, x.stride):
        with pytest.raises(
            IndexError, match=r"Dimension out of range \(expected to be in range of \[-3, 2\], but got 3\)"
        ):
            ask(3)
        with pytest.raises(IndexError, match="has no dimensions"):
            getattr(hotloop.tensor(1.0), ask.__name__)(0)
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor"):
        len(hotloop.tensor(1))


def test_contains_and_format() -> None:
    x = hotloop.tensor([1.0, 2.0])
    assert 2 in x
    assert hotloop.tensor(2.0) in x
    assert 3 not in x
    assert 1 not in hotloop.zeros(0)
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar, but you passed in a str"):
        assert "a" in x
    assert f"{hotloop.tensor(1.5):.3f}" == "1.500"
    assert f"{hotloop.tensor(3)}" == "3"
    assert f"{x}" == str(x)
    with pytest.raises(TypeError, match=r"unsupported format string .* '.3f'"):
        f"{x:.3f}"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int64", "bool"])
def test_pickles(protocol: int, dtype: str) -> None:
    x = hotloop.arange(6).reshape(2, 3).T.to(getattr(hotloop, dtype))
    y = pickle.loads(pickle.dumps(x, protocol))
    assert y.dtype == x.dtype
    assert y.tolist() == x.tolist()
    assert not y.requires_grad
    assert pickle.loads(pickle.dumps(hotloop.ones(1, requires_grad=True), protocol)).requires_grad


def test_a_pickle_names_only_the_function_that_rebuilds() -> None:
    import pickletools

    opcodes = pickletools.genops(pickle.dumps(hotloop.ones(2), 3))
    assert [argument for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"] == ["hotloop._core _rebuild_tensor"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((b"1234", (2,), "float32", False), r"4 bytes can't fill a float32 tensor of shape \[2\]"),
        ((b"12345", (1,), "float32", False), "5 bytes can't fill"),
        ((b"1234", (-1, -1), "float32", False), "negative size"),
        ((b"1234", (1,), "os.system", False), "no dtype is named 'os.system'"),
        ((b"", (2**62, 2**62), "float32", False), "more elements"),
    ],
)
def test_damaged_pickles_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hotloop._core._rebuild_tensor(*arguments)


def test_copies() -> None:
    x = hotloop.arange(3, dtype=hotloop.float32).requires_grad_()
    x.sum().backward()
    x.note = ["kept"]
    shallow, deep = copy.copy(x), copy.deepcopy(x)
    assert shallow.data_ptr() == x.data_ptr() != deep.data_ptr()
    assert shallow.requires_grad
    assert deep.requires_grad
    assert deep.is_leaf
    assert deep.tolist() == [0, 1, 2]
    assert deep.grad.tolist() == [1, 1, 1]
    assert deep.grad is not x.grad
    assert shallow.note is x.note
    assert deep.note == ["kept"]
    assert deep.note is not x.note
    twice = copy.deepcopy([x, x])
    assert twice[0] is twice[1]
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_parameters_stay_parameters() -> None:
    from hotloop import nn

    p = nn.Parameter(hotloop.ones(2))
    for q in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(q) is nn.Parameter
        assert q.requires_grad
        assert q.tolist() == [1, 1]


def test_numpy_functions_take_tensors() -> None:
    assert np.sum(hotloop.ones(3).numpy()) == 3
    assert np.concatenate([hotloop.ones(1), hotloop.zeros(1)]).tolist() == [1, 0]
