"""Packed layers compute what the plain ones do, in any dtype and number of rows, and refuse gradients."""

from __future__ import annotations

import pytest

import hotloop
from hotloop import nn

pytestmark = pytest.mark.every_device


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9, 64])
@pytest.mark.parametrize("dtype", [hotloop.float32, hotloop.float64, hotloop.bfloat16])
@pytest.mark.parametrize(("inner", "outer"), [(64, 256), (17, 33), (1, 5), (5, 1), (300, 10)])
def test_bits_are_those_of_the_plain_product(rows, dtype, inner, outer):
    layer = nn.Linear(inner, outer).to(dtype)
    x = hotloop.randn(rows, inner).to(dtype)
    with hotloop.no_grad():
        plain, packed = layer(x), nn.PackedLinear(layer)(x)
    if outer == 1:  # a dot product has lanes of its own
        assert (plain.float() - packed.float()).abs().max().item() <= 1e-2 * (1 + plain.float().abs().max().item())
    else:
        assert (plain == packed).all().item()


def test_a_model_packed_for_inference_agrees():
    model = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.GELU(), nn.Sequential(nn.Linear(256, 10), nn.Tanh())
    )
    packed = nn.pack_for_inference(model)
    assert [type(m).__name__ for m in packed.modules()].count("PackedLinear") == 3
    assert not any(isinstance(m, (nn.ReLU, nn.GELU, nn.Tanh)) for m in packed.modules())
    x = hotloop.randn(5, 3, 64)
    with hotloop.inference_mode():
        assert (model(x) - packed(x)).abs().max().item() < 1e-5
    assert list(packed.parameters()) == []


def test_what_a_packed_layer_refuses():
    layer = nn.PackedLinear(nn.Linear(4, 3))
    with pytest.raises(RuntimeError, match=r"linear_packed: a packed weight is for inference"):
        layer(hotloop.ones(2, 4, requires_grad=True))
    with pytest.raises(RuntimeError, match=r"linear_packed: mat1 and mat2 shapes cannot be multiplied \(2x5 and 4x3\)"):
        layer(hotloop.ones(2, 5))
    with pytest.raises(
        RuntimeError, match="linear_packed: expected input of dtype float32 like the weight, got float64"
    ):
        layer(hotloop.ones(2, 4, dtype=hotloop.float64))
    with pytest.raises(RuntimeError, match="PackedWeight: weight must be a 2-D floating point tensor"):
        hotloop._core.PackedWeight(hotloop.ones(3))
    with pytest.raises(TypeError, match=r"linear_packed.*must be PackedWeight, not hotloop\.Tensor"):
        hotloop._core.linear_packed(hotloop.ones(2, 4), hotloop.ones(3, 4))
