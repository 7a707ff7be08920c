"""state_dict and load_state_dict: entries, strictness, texts of errors, hooks, extra state."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import pytest

import hotloop
from hotloop import nn

pytestmark = pytest.mark.every_device


class Net(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 2, bias=False))
        self.register_buffer("steps", hotloop.zeros((), dtype=hotloop.int64))
        self.register_buffer("scratch", hotloop.zeros(1), persistent=False)


KEYS = ["steps", "body.0.weight", "body.0.bias", "body.2.weight"]


def failure(module: nn.Module, state: Any, **options: Any) -> str:
    with pytest.raises(RuntimeError) as info:
        module.load_state_dict(state, **options)
    return str(info.value)


def test_entries_share_memory_and_have_no_history() -> None:
    net = Net()
    state = net.state_dict()
    assert list(state) == KEYS
    assert isinstance(state, OrderedDict)
    assert not state["body.0.weight"].requires_grad
    state["body.0.weight"].fill_(5)
    assert net.body[0].weight[0, 0].item() == 5
    assert net.state_dict(keep_vars=True)["body.0.weight"] is net.body[0].weight
    assert list(net.state_dict(prefix="net.")) == [f"net.{key}" for key in KEYS]
    into: dict[str, Any] = {"before": 1}
    assert net.state_dict(destination=into) is into
    assert list(into) == ["before", *KEYS]
    assert state._metadata["body.0"] == {"version": 1}


def test_loading_copies_values() -> None:
    source, target = Net(), Net()
    weight = target.body[0].weight
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert target.body[0].weight is weight
    assert (weight == source.body[0].weight).all().item()
    source.body[0].weight.detach().fill_(9)
    assert weight[0, 0].item() != 9
    target.double()
    target.load_state_dict(source.state_dict())
    assert weight.dtype is hotloop.float64


def test_errors_list_everything_at_once() -> None:
    state = Net(width=5).state_dict()
    del state["steps"]
    state["body.1.gain"] = hotloop.zeros(1)
    state["extra"] = hotloop.zeros(1)
    state["body.0.bias"] = [1.0]
    assert failure(Net(), state) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "steps". \n'
        '\tUnexpected key(s) in state_dict: "extra", "body.1.gain". \n'
        "\tsize mismatch for body.0.weight: copying a param with shape (5, 3) from checkpoint, the shape in current "
        "model is (4, 3).\n"
        '\tWhile copying the parameter named "body.0.bias", expected hotloop.Tensor or Tensor-like object from '
        "checkpoint but received <class 'list'>\n"
        "\tsize mismatch for body.2.weight: copying a param with shape (2, 5) from checkpoint, the shape in current "
        "model is (2, 4)."
    )


def test_the_report_reads_as_pytorchs_does() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

    def messages(nn_: Any, zeros: Any) -> list[str]:
        model = nn_.Sequential(nn_.Linear(3, 4), nn_.Sequential(nn_.LayerNorm(2)))
        good = model.state_dict()
        bad = [
            {key: value for key, value in good.items() if "bias" not in key},
            {**good, "2.weight": zeros(1), "0.gain": zeros(1)},
            {**good, "0.weight": zeros((1, 2)), "1.0.bias": zeros((3,))},
            {**good, "0.weight": 3},
            {},
        ]
        found = []
        for state in bad:
            with pytest.raises(RuntimeError) as info:
                model.load_state_dict(state)
            found.append(str(info.value))
        return found

    theirs = [re.sub(r"torch\.Size\(\[(\d+)\]\)", r"(\1,)", text) for text in messages(torch.nn, torch.zeros)]
    theirs = [re.sub(r"torch\.Size\(\[(.*?)\]\)", r"(\1)", text).replace("torch.", "hotloop.") for text in theirs]
    assert messages(nn, hotloop.zeros) == theirs


def test_not_strict_returns_what_did_not_match() -> None:
    net = Net()
    state = Net().state_dict()
    del state["steps"]
    state["other"] = hotloop.zeros(1)
    result = net.load_state_dict(state, strict=False)
    assert result == (["steps"], ["other"])
    assert repr(result) == "IncompatibleKeys(missing_keys=['steps'], unexpected_keys=['other'])"
    assert "size mismatch" in failure(net, Net(width=7).state_dict(), strict=False)
    with pytest.raises(TypeError, match=r"Expected state_dict to be dict-like, got <class 'list'>."):
        net.load_state_dict([])  # type: ignore[arg-type]


def test_absent_parameters_are_unexpected() -> None:
    layer = nn.Linear(2, 2, bias=False)
    assert 'Unexpected key(s) in state_dict: "bias"' in failure(layer, nn.Linear(2, 2).state_dict())


def test_assign_takes_the_tensors_themselves() -> None:
    net = Net().requires_grad_(False)
    net.body[0].requires_grad_(True)
    state = Net().double().state_dict()
    net.load_state_dict(state, assign=True)
    assert net.body[0].weight.dtype is hotloop.float64
    assert isinstance(net.body[0].weight, nn.Parameter)
    assert net.body[0].weight.requires_grad
    assert not net.body[2].weight.requires_grad
    assert net.steps is state["steps"]
    state["body.0.weight"].fill_(3)
    assert net.body[0].weight[0, 0].item() == 3


def test_a_failing_copy_is_reported_with_its_key() -> None:
    class Stubborn(hotloop.nn.Parameter):
        def copy_(self, src: Any) -> Any:
            raise ValueError("not today")

    module = nn.Module()
    module.weight = Stubborn(hotloop.zeros(2))
    message = failure(module, {"weight": hotloop.ones(2)})
    assert 'While copying the parameter named "weight", whose dimensions in the model are (2,)' in message
    assert "an exception occurred : ('not today',)." in message


def test_old_scalars_of_one_element_load() -> None:
    module = nn.Module()
    module.scale = nn.Parameter(hotloop.zeros(()))
    module.load_state_dict({"scale": hotloop.ones(1)})
    assert module.scale.item() == 1


def test_extra_state() -> None:
    class Counting(nn.Linear):
        calls = 3

        def get_extra_state(self) -> Any:
            return {"calls": self.calls}

        def set_extra_state(self, state: Any) -> None:
            self.calls = state["calls"]

    source, target = nn.Sequential(Counting(1, 1)), nn.Sequential(Counting(1, 1))
    source[0].calls = 7
    state = source.state_dict()
    assert state["0._extra_state"] == {"calls": 7}
    target.load_state_dict(state)
    assert target[0].calls == 7
    assert 'Missing key(s) in state_dict: "0._extra_state"' in failure(
        target, nn.Sequential(nn.Linear(1, 1)).state_dict()
    )
    assert 'Unexpected key(s) in state_dict: "0._extra_state"' in failure(nn.Sequential(nn.Linear(1, 1)), state)
    with pytest.raises(RuntimeError, match=r"should never be called"):
        nn.Module().get_extra_state()


def test_hooks_of_saving() -> None:
    net = Net()
    seen: list[Any] = []
    before = net.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append((prefix, keep_vars)))
    after = net.body.register_state_dict_post_hook(
        lambda module, state, prefix, metadata: state.update({prefix + "note": metadata["version"]})
    )
    assert net.state_dict(prefix="n.")["n.body.note"] == 1
    assert seen == [("n.", False)]
    before.remove()
    after.remove()
    assert list(net.state_dict()) == KEYS
    net.register_state_dict_post_hook(lambda *_: {})  # type: ignore[arg-type, return-value]
    with pytest.raises(RuntimeError, match=r"state_dict post-hook must return None"):
        net.state_dict()
    replacing = Net()
    replacing._register_state_dict_hook(lambda *_: {"only": 1})
    assert replacing.state_dict() == {"only": 1}


def test_hooks_of_loading() -> None:
    net = Net()
    state = {f"old_{key}" if key == "steps" else key: value for key, value in net.state_dict().items()}

    def rename(module: Any, entries: Any, prefix: str, *_: Any) -> None:
        assert module is net
        entries[prefix + "steps"] = entries.pop(prefix + "old_steps")

    handle = net.register_load_state_dict_pre_hook(rename)
    net.load_state_dict(state)
    assert "old_steps" in state, "hooks work on a copy"
    handle.remove()
    assert "old_steps" in failure(net, state)

    without_module: list[int] = []
    net._register_load_state_dict_pre_hook(lambda *arguments: without_module.append(len(arguments)))
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    net.register_load_state_dict_post_hook(lambda module, keys: keys.unexpected_keys.clear())
    net.load_state_dict(state)
    assert without_module == [7]


def test_modules_may_translate_old_layouts() -> None:
    class Renamed(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
            if local_metadata.get("version", 1) < 2:
                state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    model = nn.Sequential(Renamed(2, 2))
    old = nn.Sequential(nn.Linear(2, 2)).state_dict()
    old["0.kernel"] = old.pop("0.weight")
    model.load_state_dict(old)
    model.load_state_dict(model.state_dict())
    assert model.state_dict()._metadata["0"] == {"version": 2}
