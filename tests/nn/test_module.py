"""Module: registration, attributes, walks, modes, conversions, copies, repr."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn

pytestmark = pytest.mark.every_device


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(hotloop.ones(2))
        self.register_buffer("count", hotloop.zeros(1))
        self.register_buffer("scratch", hotloop.zeros(1), persistent=False)
        self.inner = nn.Linear(2, 3)

    def forward(self, x: Any) -> Any:
        return self.inner(x * self.scale)


class Tree(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = Branch()
        self.right = Branch()
        self.absent: nn.Module | None = None
        self.register_module("nothing", None)
        self.register_parameter("missing", None)


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


def test_registered_values_live_in_the_instance_dict() -> None:
    branch = Branch()
    assert branch.__dict__["scale"] is branch.scale
    assert branch.__dict__["count"] is branch.count
    assert branch.__dict__["inner"] is branch.inner
    assert "__getattr__" not in dir(nn.Module), "a fallback would slow every look-up down"


def test_walks_name_everything_in_order_of_registration() -> None:
    tree = Tree()
    assert names(tree.named_parameters()) == [
        f"{side}.{name}" for side in ("left", "right") for name in ("scale", "inner.weight", "inner.bias")
    ]
    assert names(tree.named_buffers()) == ["left.count", "left.scratch", "right.count", "right.scratch"]
    assert names(tree.named_children()) == ["left", "right"]
    assert names(tree.named_modules()) == ["", "left", "left.inner", "right", "right.inner"]
    assert names(tree.named_modules(prefix="tree")) == [
        "tree",
        "tree.left",
        "tree.left.inner",
        "tree.right",
        "tree.right.inner",
    ]
    assert names(tree.named_parameters(prefix="p", recurse=False)) == []
    assert names(tree.left.named_parameters(prefix="p", recurse=False)) == ["p.scale"]
    assert len(list(tree.modules())) == 5
    assert list(tree.children()) == [tree.left, tree.right]
    assert [id(p) for p in tree.parameters()] == [id(p) for _, p in tree.named_parameters()]
    assert [id(b) for b in tree.buffers()] == [id(b) for _, b in tree.named_buffers()]


def test_shared_members_come_once_unless_asked_for() -> None:
    tree = Tree()
    tree.right = tree.left
    tree.left.inner.bias = tree.left.scale
    assert names(tree.named_parameters()) == ["left.scale", "left.inner.weight"]
    assert len(names(tree.named_parameters(remove_duplicate=False))) == 6
    assert names(tree.named_children()) == ["left"]
    assert names(tree.named_modules(remove_duplicate=False))[-2:] == ["right", "right.inner"]
    assert len(list(tree.modules())) == 3


def test_assignment_changes_what_is_registered() -> None:
    module = nn.Module()
    module.x = 3
    module.x = nn.Parameter(hotloop.zeros(1))
    assert names(module.named_parameters()) == ["x"]
    with pytest.raises(
        TypeError, match=r"cannot assign 'int' as parameter 'x' \(hotloop.nn.Parameter or None expected\)"
    ):
        module.x = 3
    with pytest.raises(TypeError, match=r"cannot assign 'hotloop.Tensor' as parameter 'x'"):
        module.x = hotloop.zeros(1)
    module.x = None
    assert module.x is None
    assert names(module._parameters.items()) == ["x"]
    assert names(module.named_parameters()) == []
    module.x = nn.Parameter(hotloop.zeros(1))

    module.layer = nn.Linear(1, 1)
    with pytest.raises(TypeError, match=r"cannot assign 'str' as child module 'layer' \(hotloop.nn.Module or None exp"):
        module.layer = "linear"
    module.layer = nn.Parameter(hotloop.ones(1))
    assert names(module.named_parameters()) == ["x", "layer"]
    assert names(module.named_children()) == []

    module.register_buffer("b", hotloop.zeros(1))
    module.b = hotloop.ones(1)
    assert module.get_buffer("b").item() == 1
    with pytest.raises(TypeError, match=r"cannot assign 'float' as buffer 'b' \(hotloop.Tensor or None expected\)"):
        module.b = 1.0
    module.plain = hotloop.zeros(1)
    assert names(module.named_buffers()) == ["b"]


def test_deletion_drops_the_registration() -> None:
    branch = Branch()
    del branch.scale, branch.count, branch.inner
    assert names(branch.named_parameters()) == []
    assert names(branch.named_buffers()) == ["scratch"]
    assert names(branch.named_children()) == []
    with pytest.raises(AttributeError, match=r"'Branch' object has no attribute 'scale'"):
        _ = branch.scale
    with pytest.raises(AttributeError):
        del branch.scale


@pytest.mark.parametrize(
    ("register", "kind"),
    [("register_parameter", "parameter"), ("register_buffer", "buffer"), ("register_module", "module")],
)
def test_bad_names_are_refused(register: str, kind: str) -> None:
    module = Branch()
    for name, message in [
        ("a.b", f'{kind} name can\'t contain "."'),
        ("", f'{kind} name can\'t be empty string ""'),
        ("forward", "attribute 'forward' already exists"),
    ]:
        with pytest.raises(KeyError) as info:
            getattr(module, register)(name, None)
        assert info.value.args[0].startswith(message)
    with pytest.raises(TypeError, match=rf"{kind} name should be a string. Got int"):
        getattr(module, register)(3, None)


def test_bad_values_are_refused() -> None:
    module = nn.Module()
    with pytest.raises(TypeError, match=r"cannot assign 'int' object to parameter 'p' \(hotloop.nn.Parameter or None"):
        module.register_parameter("p", 3)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"cannot assign 'list' object to buffer 'b' \(hotloop Tensor or None required\)"
    ):
        module.register_buffer("b", [1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"int is not a Module subclass"):
        module.add_module("m", 3)  # type: ignore[arg-type]


def test_assignment_before_init_is_refused() -> None:
    class Early(nn.Module):
        def __init__(self, value: Any) -> None:
            self.x = value

    with pytest.raises(AttributeError, match=r"cannot assign parameters before Module.__init__\(\) call"):
        Early(nn.Parameter(hotloop.zeros(1)))
    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early(nn.Identity())
    Early(3)


def test_table_views_read_and_write_through() -> None:
    branch = Branch()
    assert list(branch._modules) == ["inner"]
    assert branch._parameters["scale"] is branch.scale
    branch._modules["inner"] = nn.Identity()
    assert isinstance(branch.inner, nn.Identity)
    branch._buffers["scratch"] = hotloop.ones(1)
    assert "scratch" not in branch.state_dict()
    del branch._parameters["scale"]
    assert not hasattr(branch, "scale")
    with pytest.raises(KeyError):
        branch._parameters["inner"]


def test_members_by_path() -> None:
    tree = Tree()
    assert tree.get_submodule("") is tree
    assert tree.get_submodule("left.inner") is tree.left.inner
    assert tree.get_parameter("left.inner.weight") is tree.left.inner.weight
    assert tree.get_buffer("right.count") is tree.right.count
    with pytest.raises(AttributeError, match=r"Tree has no attribute `middle`"):
        tree.get_submodule("middle")
    with pytest.raises(AttributeError, match=r"`scale` is not an nn.Module"):
        tree.get_submodule("left.scale")
    with pytest.raises(AttributeError, match=r"`count` is not an nn.Parameter"):
        tree.get_parameter("left.count")
    with pytest.raises(AttributeError, match=r"`scale` is not a buffer"):
        tree.get_buffer("left.scale")
    tree.set_submodule("left.inner", nn.Identity())
    assert isinstance(tree.left.inner, nn.Identity)
    tree.set_submodule("left.new", nn.Identity())
    with pytest.raises(AttributeError, match=r"Branch has no attribute `newer`"):
        tree.set_submodule("left.newer", nn.Identity(), strict=True)
    with pytest.raises(ValueError, match=r"Cannot set the submodule without a target name!"):
        tree.set_submodule("", nn.Identity())


def test_modes_freezing_and_zero_grad() -> None:
    tree = Tree()
    assert tree.eval() is tree
    assert not any(module.training for module in tree.modules())
    tree.left.train()
    assert tree.left.inner.training
    assert not tree.right.training
    with pytest.raises(ValueError, match=r"training mode is expected to be boolean"):
        tree.train(1)  # type: ignore[arg-type]
    tree.left.requires_grad_(False)
    assert [p.requires_grad for p in tree.parameters()] == [False] * 3 + [True] * 3
    weight = tree.right.inner.weight
    tree.right(hotloop.ones(1, 2)).sum().backward()
    assert weight.grad is not None
    tree.zero_grad(set_to_none=False)
    assert weight.grad is not None
    assert weight.grad.abs().sum().item() == 0
    tree.zero_grad()
    assert weight.grad is None


def test_apply_visits_children_first() -> None:
    visited: list[str] = []
    tree = Tree()
    assert tree.apply(lambda m: visited.append(type(m).__name__)) is tree
    assert visited == ["Linear", "Branch", "Linear", "Branch", "Tree"]


def test_conversions_keep_the_parameter_objects() -> None:
    branch = Branch()
    branch.register_buffer("index", hotloop.zeros(2, dtype=hotloop.int64))
    weight = branch.inner.weight
    values = weight.detach().numpy(force=True).astype(np.float64)
    branch(hotloop.ones(1, 2)).sum().backward()
    assert branch.double() is branch
    assert branch.inner.weight is weight
    assert isinstance(weight, nn.Parameter)
    assert weight.dtype is hotloop.float64
    assert weight.grad.dtype is hotloop.float64
    assert branch.count.dtype is hotloop.float64
    assert branch.index.dtype is hotloop.int64
    np.testing.assert_array_equal(weight.detach().numpy(force=True), values)
    branch(hotloop.ones(1, 2, dtype=hotloop.float64)).sum().backward()
    for convert, dtype in (
        (lambda m: m.float(), hotloop.float32),
        (lambda m: m.half(), hotloop.float16),
        (lambda m: m.bfloat16(), hotloop.bfloat16),
        (lambda m: m.to(hotloop.float64), hotloop.float64),
        (lambda m: m.to("cpu", hotloop.float32), hotloop.float32),
        (lambda m: m.to(hotloop.zeros(1, dtype=hotloop.float64)), hotloop.float64),
        (lambda m: m.to(dtype=hotloop.float32, device="cpu").cpu(), hotloop.float32),
    ):
        assert convert(branch).inner.weight.dtype is dtype
    with pytest.raises(
        TypeError, match=r"nn.Module.to only accepts floating point dtypes, but got desired dtype=.*int64"
    ):
        branch.to(hotloop.int64)
    with pytest.raises(TypeError, match=r"Module.to: takes a device, a dtype or a tensor; got int"):
        branch.to(3)


def test_forward_must_be_defined() -> None:
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'):
        nn.Module()(1)


def test_calls_pass_all_arguments() -> None:
    class Echo(nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return args, kwargs

    assert Echo()(1, 2, a=3) == ((1, 2), {"a": 3})
    assert Echo()() == ((), {})


def test_parameter() -> None:
    data = hotloop.zeros(2, 3)
    param = nn.Parameter(data)
    assert param.requires_grad
    assert param.is_leaf
    assert isinstance(param, hotloop.Tensor)
    param.detach().fill_(2)
    assert data[0, 0].item() == 2, "shares the memory of its data"
    assert nn.Parameter(data * 2).is_leaf
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)
    assert repr(param).startswith("Parameter containing:\ntensor(")
    assert type(param * 2) is hotloop.Tensor


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_whole_and_independent(duplicate: Any) -> None:
    tree = Tree()
    tree.right.inner.weight = tree.left.inner.weight  # tied
    tree.left.requires_grad_(False)
    tree.note = {"a": 1}
    twin = duplicate(tree)
    assert repr(twin) == repr(tree)
    assert twin.right.inner.weight is twin.left.inner.weight
    assert isinstance(twin.left.scale, nn.Parameter)
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in tree.parameters()]
    assert twin.note == {"a": 1}
    for (name, mine), (_, other) in zip(tree.state_dict().items(), twin.state_dict().items(), strict=True):
        np.testing.assert_array_equal(mine.numpy(force=True), other.numpy(force=True), err_msg=name)
    twin.left.scale.data.fill_(7)
    assert tree.left.scale.sum().item() == 2


def test_a_dropped_module_is_freed_at_once() -> None:
    tree = Tree()
    tree.left(hotloop.ones(1, 2))
    gone = weakref.ref(tree)
    gc.disable()
    try:
        del tree
        assert gone() is None, "a reference cycle keeps a model's memory until the collector runs"
    finally:
        gc.enable()


def test_repr_and_dir() -> None:
    class Shown(nn.Module):
        def extra_repr(self) -> str:
            return "a=1\nb=2"

    tree = Tree()
    tree.right = Shown()
    assert repr(tree) == (
        "Tree(\n"
        "  (left): Branch(\n"
        "    (inner): Linear(in_features=2, out_features=3, bias=True)\n"
        "  )\n"
        "  (right): Shown(\n"
        "    a=1\n"
        "    b=2\n"
        "  )\n"
        "  (nothing): None\n"
        ")"
    )
    assert repr(nn.Module()) == "Module()"
    assert {"left", "right", "forward", "training"} <= set(dir(tree))
    assert "0" not in dir(nn.Sequential(nn.ReLU()))
