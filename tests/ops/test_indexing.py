"""Subscripts, for reading and writing, against NumPy; gradients and messages against what PyTorch says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotloop

DTYPES = (hotloop.float32, hotloop.float64, hotloop.int64, hotloop.int32, hotloop.int8, hotloop.uint8, hotloop.bool)


def assert_equal(got: hotloop.Tensor, expected: Any) -> None:
    np.testing.assert_array_equal(got.detach().numpy(), expected, strict=isinstance(expected, np.ndarray))


def filled(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)


def tensors_in(key: Any) -> Any:
    """The same key with hotloop tensors where it has arrays."""
    if isinstance(key, tuple):
        return tuple(tensors_in(k) for k in key)
    return hotloop.from_numpy(key) if isinstance(key, np.ndarray) else key


shapes = st.lists(st.integers(0, 5), min_size=0, max_size=4).map(tuple)


@st.composite
def basic_keys(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    named = draw(st.integers(0, len(shape)))
    from_end = draw(st.booleans())
    dims = shape[len(shape) - named :] if from_end else shape[:named]
    key: list[Any] = []
    for n in dims:
        if n > 0 and draw(st.booleans()):
            key.append(draw(st.integers(-n, n - 1)))
        else:
            bound = st.one_of(st.none(), st.integers(-n - 2, n + 2))
            step = draw(st.one_of(st.none(), st.integers(-3, 3).filter(bool)))
            key.append(slice(draw(bound), draw(bound), step))
        if draw(st.integers(0, 5)) == 0:
            key.append(None)
    if from_end or draw(st.booleans()):
        key.insert(0 if from_end else len(key), Ellipsis)
    return tuple(key)


@st.composite
def advanced_keys(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Index arrays that broadcast together, masks, slices and None; no integers, which NumPy takes for arrays."""
    common = draw(st.lists(st.integers(0, 3), min_size=0, max_size=2).map(tuple))
    key: list[Any] = []
    d = 0
    masked, new_axes = False, 0
    while d < len(shape):
        n = shape[d]
        kind = draw(st.sampled_from(["slice", "array", "mask", "none", "stop"]))
        if kind == "stop":
            break
        if kind == "none":
            new_axes += 1
            if new_axes < 3:
                key.append(None)
                continue
        if kind == "array" and n > 0 and not masked:
            part = tuple(1 if draw(st.booleans()) else c for c in common)
            size = int(np.prod(part))
            values = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
            key.append(np.array(values, dtype=draw(st.sampled_from([np.int64, np.int32]))).reshape(part))
        elif kind == "mask" and not any(isinstance(k, np.ndarray) for k in key):
            covered = draw(st.integers(1, min(2, len(shape) - d)))
            size = int(np.prod(shape[d : d + covered]))
            bits = draw(st.lists(st.booleans(), min_size=size, max_size=size))
            key.append(np.array(bits, dtype=bool).reshape(shape[d : d + covered]))
            masked = True
            d += covered - 1
        else:
            key.append(slice(*draw(st.sampled_from([(None,), (1, None), (None, None, 2), (None, None, -1)]))))
        d += 1
    return tuple(key)


@st.composite
def cases(draw: st.DrawFn, advanced: bool) -> tuple[np.ndarray, tuple[Any, ...]]:
    shape = draw(shapes)
    key = draw((advanced_keys if advanced else basic_keys)(shape))
    array = filled(shape)
    if draw(st.booleans()):  # neither row-major nor starting at the storage's beginning
        array = np.ascontiguousarray(array.T).T
    return array, key


@given(cases(advanced=False))
@settings(max_examples=300, deadline=None)
def test_basic_reading_is_a_view_with_numpys_values(case: tuple[np.ndarray, tuple[Any, ...]]) -> None:
    array, key = case
    expected = array[key]
    got = hotloop.from_numpy(array)[key]
    assert_equal(got, expected)
    if expected.size and isinstance(expected, np.ndarray):
        assert got.data_ptr() == expected.__array_interface__["data"][0]


@given(cases(advanced=True))
@settings(max_examples=400, deadline=None)
def test_advanced_reading_has_numpys_values(case: tuple[np.ndarray, tuple[Any, ...]]) -> None:
    array, key = case
    assert_equal(hotloop.from_numpy(array)[tensors_in(key)], array[key])


@given(st.booleans().flatmap(lambda advanced: cases(advanced=advanced)), st.integers(0, 3))
@settings(max_examples=400, deadline=None)
def test_writing_has_numpys_result(case: tuple[np.ndarray, tuple[Any, ...]], kind: int) -> None:
    array, key = case
    expected, x = array.copy(), hotloop.tensor(array)
    shape = array[key].shape
    if kind == 0:
        expected[key] = 7
        x[tensors_in(key)] = 7
    else:
        kept = shape[kind - 1 :]  # leading dims broadcast
        values = -1 - filled(kept)
        expected[key] = values
        x[tensors_in(key)] = hotloop.tensor(values)
    assert_equal(x, expected)


@given(cases(advanced=True))
@settings(max_examples=200, deadline=None)
def test_gradient_of_advanced_reading_counts_each_use(case: tuple[np.ndarray, tuple[Any, ...]]) -> None:
    array, key = case
    x = hotloop.tensor(array.astype(np.float64), requires_grad=True)
    picked = x[tensors_in(key)]
    weights = 1.0 + filled(tuple(picked.shape)).astype(np.float64)
    picked.backward(hotloop.tensor(weights))
    expected = np.zeros(array.shape)
    np.add.at(expected, key, weights)
    assert_equal(x.grad, expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_reads_and_writes(dtype: hotloop.dtype) -> None:
    x = hotloop.arange(24).reshape(2, 3, 4).to(dtype)
    array = x.numpy().copy()
    index = np.array([[2, 0], [0, 1]])
    assert_equal(x[:, hotloop.tensor(index)], array[:, index])
    x[:, hotloop.tensor([0, 2])] = x[:, hotloop.tensor([2, 0])]
    array[:, [0, 2]] = array[:, [2, 0]]
    assert_equal(x, array)


@pytest.mark.parametrize("dtype", [hotloop.float16, hotloop.bfloat16], ids=str)
def test_sixteen_bit_gradients_are_summed_in_float32(dtype: hotloop.dtype) -> None:
    # 4096 terms of 1 stop at 256 (bfloat16) or 2048 (float16) when every sum is rounded.
    x = hotloop.zeros(1, dtype=dtype).requires_grad_()
    x[hotloop.zeros(4096, dtype=hotloop.int64)].sum().backward()
    assert x.grad.float().item() == 4096


def test_equal_positions_keep_the_last_or_add_up_in_order() -> None:
    x = hotloop.zeros(3)
    index = hotloop.tensor([1, 1, 1])
    x[index] = hotloop.tensor([1.0, 2.0, 3.0])
    assert x.tolist() == [0, 3, 0]
    x.index_put_((index,), hotloop.tensor([1.0, 2.0, 3.0]), accumulate=True)
    assert x.tolist() == [0, 9, 0]
    assert x.index_put((index,), hotloop.tensor(1.0)).tolist() == [0, 1, 0]
    assert x.tolist() == [0, 9, 0]


def test_a_mask_of_many_dims_in_contiguous_and_other_memory() -> None:
    array = filled((4, 5, 3))
    for mask in (array[..., 0] % 2 == 0, array % 4 == 1):
        for x in (hotloop.tensor(array), hotloop.tensor(array.T.copy()).permute(2, 1, 0)):
            assert_equal(x[tensors_in(mask)], array[mask])
            x.requires_grad_()
            (x[tensors_in(mask)] * 2).sum().backward()
            full = np.broadcast_to(mask.reshape(mask.shape + (1,) * (3 - mask.ndim)), array.shape)
            assert_equal(x.grad, np.where(full, np.float32(2), np.float32(0)))
            y, expected = x.detach(), array.copy()
            y[tensors_in(mask)] = expected[mask] = -1
            assert_equal(y, expected)


def test_an_integer_beside_index_tensors_is_a_selection_first() -> None:
    # As in PyTorch; NumPy takes the integer for one more index array, and so moves the result's dims.
    x = hotloop.arange(24).reshape(2, 3, 4)
    assert x[0, :, hotloop.tensor([1, 3])].shape == (3, 2)
    assert_equal(x[0, :, hotloop.tensor([1, 3])], x.numpy()[0][:, [1, 3]])


def test_lists_arrays_and_scalars_index_as_tensors_do() -> None:
    x = hotloop.arange(12).reshape(3, 4)
    rows = x.numpy()[[2, 0]]
    assert_equal(x[[2, 0]], rows)
    assert_equal(x[np.array([2, 0])], rows)
    assert_equal(x[np.array([2, 0], dtype=np.int16)], rows)
    assert_equal(x[range(2, -1, -2)], rows)
    assert_equal(x[np.int64(1)], x.numpy()[1])
    assert_equal(x[hotloop.tensor(1)], x.numpy()[1])
    assert_equal(x[[True, False, True]], x.numpy()[[0, 2]])
    assert x[[]].shape == (0, 4)
    assert x[True].shape == (1, 3, 4)
    assert x[False].shape == (0, 3, 4)
    assert x[:, [1, 2]].shape == (3, 2)
    assert x[hotloop.tensor([1, 0, 0], dtype=hotloop.uint8)].shape == (1, 4)  # bytes are a mask, as in PyTorch


def test_writing_what_lies_in_the_written_memory() -> None:
    x = hotloop.arange(6)
    x[2:] += 1
    x[1:3] = x[1:3]
    assert x.tolist() == [0, 1, 3, 4, 5, 6]
    x[::2] = x[1::2]  # with gaps
    assert x.tolist() == [1, 1, 4, 4, 6, 6]
    for at in (slice(1, None), x > 1, hotloop.tensor([5, 4, 3])):
        with pytest.raises(RuntimeError, match="index_put_: unsupported operation: some elements of the input"):
            x[at] = x[:5] if isinstance(at, slice) else x[3:] if at.dtype is hotloop.int64 else x[2:]
    assert x.tolist() == [1, 1, 4, 4, 6, 6]


def test_leading_ones_of_a_value_do_no_harm() -> None:
    x = hotloop.zeros(2, 3)
    x[0, 0] = hotloop.ones(1, 1)
    x[1] = hotloop.ones(1, 1, 3)
    x[hotloop.tensor([0])] = hotloop.full((1, 1, 1, 3), 2.0)
    assert x.tolist() == [[2, 2, 2], [1, 1, 1]]


def test_gradients_of_writing() -> None:
    base = hotloop.ones(4, dtype=hotloop.float64, requires_grad=True)
    value = hotloop.tensor([2.0, 3.0], dtype=hotloop.float64, requires_grad=True)
    weights = hotloop.tensor([1.0, 10.0, 100.0, 1000.0], dtype=hotloop.float64)

    x = base * 1.0
    x[hotloop.tensor([3, 0])] = value
    (x * weights).sum().backward()
    assert base.grad.tolist() == [0, 10, 100, 0]
    assert value.grad.tolist() == [1000, 1]

    base.grad = value.grad = None
    x = base * 1.0
    x[1:3] = value
    (x * weights).sum().backward()
    assert base.grad.tolist() == [1, 0, 0, 1000]
    assert value.grad.tolist() == [10, 100]

    base.grad = value.grad = None
    x = (base * 1.0).index_put((hotloop.tensor([1, 1]),), value, accumulate=True)
    (x * weights).sum().backward()
    assert base.grad.tolist() == weights.tolist()
    assert value.grad.tolist() == [10, 10]


def test_writing_through_a_slice_beside_index_tensors_reaches_the_base() -> None:
    base = hotloop.zeros(3, 4, dtype=hotloop.float64, requires_grad=True)
    value = hotloop.ones(2, 2, dtype=hotloop.float64, requires_grad=True)
    x = base * 1.0
    x[1:, hotloop.tensor([0, 3])] = value
    assert x.tolist() == [[0, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 1]]
    x.sum().backward()
    assert base.grad.tolist() == [[1, 1, 1, 1], [0, 1, 1, 0], [0, 1, 1, 0]]
    assert value.grad.tolist() == [[1, 1], [1, 1]]


def test_second_derivatives() -> None:
    x = hotloop.arange(5, dtype=hotloop.float64).requires_grad_()
    index = hotloop.tensor([0, 3, 3])

    def pick(x: hotloop.Tensor) -> hotloop.Tensor:
        return x[index] ** 3

    def place(x: hotloop.Tensor) -> hotloop.Tensor:
        y = x * x
        y[index] = x[1:4] ** 3
        return y

    def slices(x: hotloop.Tensor) -> hotloop.Tensor:
        return x[::-2] ** 3 + x[1] ** 2

    for f in (pick, place, slices):
        assert hotloop.autograd.gradcheck(f, (x,))
        assert hotloop.autograd.gradgradcheck(f, (x,))


def test_a_basic_subscript_is_one_node() -> None:
    x = hotloop.zeros(2, 3, 4, requires_grad=True)
    for view in (x[0], x[:, 1], x[0, None, ::2], x[..., -1], x.select(1, 0)):
        ((before, _),) = view.grad_fn.next_functions
        assert before is None or before.name() == "AccumulateGrad"


MESSAGES = [
    (lambda x: x[0, 0, 0], IndexError, "too many indices for tensor of dimension 2"),
    (lambda x: x[5], IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
    (lambda x: x[:, -5], IndexError, "index -5 is out of bounds for dimension 1 with size 4"),
    (lambda x: x[hotloop.tensor([0, 7])], IndexError, "index 7 is out of bounds for dimension 0 with size 3"),
    (lambda x: x[0, [4]], IndexError, "index 4 is out of bounds for dimension 1 with size 4"),
    (
        lambda x: x[hotloop.tensor([True, False])],
        IndexError,
        r"The shape of the mask \[2\] at index 0 does not match the shape of the indexed tensor \[3, 4\] at index 0",
    ),
    (
        lambda x: x[hotloop.tensor([0, 1]), hotloop.tensor([0, 1, 2])],
        IndexError,
        r"shape mismatch: indexing tensors could not be broadcast together with shapes \[2\], \[3\]",
    ),
    (
        lambda x: x[hotloop.tensor([0.5])],
        IndexError,
        "tensors used as indices must be long, int, byte or bool tensors, got float32",
    ),
    (lambda x: x[hotloop.tensor([1], dtype=hotloop.int8)], IndexError, "tensors used as indices must be long"),
    (lambda x: x[0.5], IndexError, r"only integers, slices .* are valid indices \(got float\)"),
    (lambda x: x["a"], IndexError, r"\(got str\)"),
    (lambda x: x[..., ...], IndexError, "an index can only have a single ellipsis"),
    (lambda x: x[::0], ValueError, "slice step cannot be zero"),
    (lambda x: x[0, 0][0], IndexError, "invalid index of a 0-dim tensor"),
    (
        lambda x: x.__setitem__(0, hotloop.ones(3)),
        RuntimeError,
        r"expanded size of the tensor \(4\) must match .*\(3\)",
    ),
    (
        lambda x: x.__setitem__([0, 1], hotloop.ones(3)),
        RuntimeError,
        r"shape mismatch: value tensor of shape \[3\] cannot be broadcast to indexing result of shape \[2, 4\]",
    ),
    (
        lambda x: x.__setitem__([0, 1], hotloop.ones(4, dtype=hotloop.float64)),
        RuntimeError,
        "Index put requires the source and destination dtypes match, got float32 .* float64",
    ),
    (lambda x: x.__setitem__([9], 1.0), IndexError, "index 9 is out of bounds for dimension 0 with size 3"),
    (lambda x: x.__delitem__(0), TypeError, "does not support deleting items"),
]


@pytest.mark.parametrize(("act", "error", "message"), MESSAGES)
def test_messages(act: Any, error: type[Exception], message: str) -> None:
    x = hotloop.zeros(3, 4)
    with pytest.raises(error, match=message):
        act(x)
    assert not x.any()


def test_a_failed_write_changes_nothing() -> None:
    x = hotloop.zeros(3)
    version = x._version
    with pytest.raises(IndexError):
        x[hotloop.tensor([0, 1, 9])] = 5.0
    assert x.tolist() == [0, 0, 0]
    assert x._version == version


def test_leaves_and_read_only_memory_are_not_written() -> None:
    leaf = hotloop.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        leaf[0] = 1.0
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        leaf[[0]] = 1.0
    array = np.zeros(3)
    array.flags.writeable = False
    for key in (0, [0], slice(None)):
        with pytest.raises(ValueError, match="read-only"):
            hotloop.from_numpy(array)[key] = 1.0


MIXED_KEYS = [
    (0, slice(None), [1, 3]),
    ([1, 0], 0, [1, 3]),
    ([1, 0], slice(None), 2),
    (slice(None), 1, [[0], [3]]),
    (None, [0, 1], None, [0, 2]),
    ([0, 1], Ellipsis, [0, 3]),
    (True, [0, 1], 2),
    (1, [True, False, True]),
    (..., [0, -1], slice(1, None, 2)),
]


@pytest.mark.parametrize("key", MIXED_KEYS, ids=str)
def test_pytorch_agrees_where_kinds_are_mixed(key: tuple[Any, ...]) -> None:
    torch = pytest.importorskip("torch")
    x, y = hotloop.arange(24).reshape(2, 3, 4), torch.arange(24).reshape(2, 3, 4)
    assert_equal(x[key], y[key].numpy())
    x[key], y[key] = -1, -1
    assert_equal(x, y.numpy())


def test_an_index_into_nothing_is_refused_where_nothing_is_moved():
    with pytest.raises(IndexError, match="index 1 is out of bounds for dimension 1 with size 0"):
        hotloop.zeros(2, 0, 2)[0:0, hotloop.tensor([1])]
    assert hotloop.zeros(2, 0, 2)[0:0, hotloop.zeros(0, dtype=hotloop.int64)].shape == (0, 0, 2)
