"""Sequential, ModuleList, ModuleDict."""

from __future__ import annotations

from typing import Any

import pytest

import hotloop
from hotloop import nn

pytestmark = pytest.mark.every_device


def numbers(modules: Any) -> list[int]:
    return [module.out_features for module in modules]


def layers(*sizes: int) -> list[nn.Module]:
    return [nn.Linear(1, size) for size in sizes]


def test_sequential_chains() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = hotloop.ones(4, 2)
    assert (model(x) == model[2](model[1](model[0](x)))).all().item()
    assert nn.Sequential()(5) == 5


def test_sequential_with_names() -> None:
    first, second = layers(1, 2)
    model = nn.Sequential({"a": first, "b": second})
    assert model.a is first
    assert [name for name, _ in model.named_children()] == ["a", "b"]
    part = model[1:]
    assert isinstance(part, nn.Sequential)
    assert [name for name, _ in part.named_children()] == ["b"]


@pytest.mark.parametrize("kind", [lambda ms: nn.Sequential(*ms), nn.ModuleList])
def test_list_protocol(kind: Any) -> None:
    items = kind(layers(1, 2, 3, 4))
    assert len(items) == 4
    assert numbers(items) == [1, 2, 3, 4]
    assert items[-1].out_features == 4
    assert numbers(items[1:3]) == [2, 3]
    assert type(items[1:3]) is type(items)
    items[0] = nn.Linear(1, 10)
    assert numbers(items) == [10, 2, 3, 4]
    del items[1]
    assert numbers(items) == [10, 3, 4]
    assert [name for name, _ in items.named_children()] == ["0", "1", "2"]
    del items[:2]
    assert numbers(items) == [4]
    assert items.append(nn.Linear(1, 5)) is items
    items.extend(layers(6, 7))
    items.insert(1, nn.Linear(1, 8))
    items.insert(-1, nn.Linear(1, 9))
    assert numbers(items) == [4, 8, 5, 6, 9, 7]
    assert items.pop(0).out_features == 4
    assert [name for name, _ in items.named_children()] == [str(i) for i in range(5)]
    with pytest.raises(IndexError, match="index 5 is out of range"):
        items[5]
    with pytest.raises(IndexError, match="index -6 is out of range"):
        items[-6] = nn.Identity()
    with pytest.raises(IndexError, match="Index out of range: 9"):
        items.insert(9, nn.Identity())
    with pytest.raises(TypeError, match="should be called with an iterable, but got int"):
        items.extend(3)
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        items.append(3)


def test_a_module_may_appear_twice() -> None:
    layer = nn.Linear(1, 1)
    model = nn.Sequential(layer, layer)
    assert len(model) == 2
    assert len(list(model.parameters())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_sequential_arithmetic() -> None:
    a, b = nn.Sequential(*layers(1, 2)), nn.Sequential(*layers(3))
    assert numbers(a + b) == [1, 2, 3]
    assert numbers(a * 2) == numbers(2 * a) == [1, 2, 1, 2]
    before = a
    a += b
    assert a is before
    assert numbers(a) == [1, 2, 3]
    b *= 3
    assert numbers(b) == [3, 3, 3]
    with pytest.raises(ValueError, match="add operator supports only objects of Sequential class"):
        a + layers(1)  # type: ignore[operator]
    with pytest.raises(ValueError, match="Non-positive multiplication factor 0"):
        a * 0
    with pytest.raises(TypeError, match="unsupported operand"):
        a * 1.5  # type: ignore[operator]


def test_module_list_extras() -> None:
    items = nn.ModuleList(layers(1))
    items += layers(2)
    assert numbers(items + layers(3)) == [1, 2, 3]
    assert numbers(reversed(list(items))) == [2, 1]
    with pytest.raises(NotImplementedError):
        items(1)


def test_module_list_repr_joins_runs() -> None:
    items = nn.ModuleList([*layers(2, 2, 2), nn.Sequential(nn.ReLU()), nn.ReLU()])
    assert repr(items) == (
        "ModuleList(\n"
        "  (0-2): 3 x Linear(in_features=1, out_features=2, bias=True)\n"
        "  (3): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        "  (4): ReLU()\n"
        ")"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict() -> None:
    one, two = layers(1, 2)
    items = nn.ModuleDict({"one": one})
    items["two"] = two
    assert list(items) == list(items.keys()) == ["one", "two"]
    assert list(items.values()) == [one, two]
    assert dict(items.items()) == {"one": one, "two": two}
    assert "one" in items
    assert len(items) == 2
    assert list(items.state_dict()) == ["one.weight", "one.bias", "two.weight", "two.bias"]
    assert items.pop("one") is one
    items.update([("three", one)])
    items.update(nn.ModuleDict({"four": one}))
    assert list(items) == ["two", "three", "four"]
    del items["two"]
    items.clear()
    assert len(items) == 0
    with pytest.raises(KeyError):
        items["one"]
    with pytest.raises(TypeError, match="should be called with an iterable of key/value pairs, but got int"):
        items.update(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="element #0 has length 1; 2 is required"):
        items.update([("a",)])  # type: ignore[list-item]
