"""state_dict and load_state_dict: a tree's tensors as one flat mapping, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hotloop._core import Tensor
from hotloop.autograd import no_grad
from hotloop.nn._hooks import RemovableHandle, add_hook
from hotloop.nn._tree import ModuleTree
from hotloop.nn.parameter import Parameter, is_lazy

_EXTRA_STATE = "_extra_state"  # the key of what get_extra_state returns


class StateDict(OrderedDict[str, Any]):
    """Path -> tensor, in order of registration; ``_metadata`` holds each module's version."""

    _metadata: OrderedDict[str, dict[str, Any]]


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict(strict=False)`` did not find, and what it found no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _StateHooks:
    """The hooks of one module's state_dict and load_state_dict."""

    __slots__ = ("load_post", "load_pre", "save_post", "save_pre")

    def __init__(self) -> None:
        self.save_pre: dict[int, Callable[..., Any]] = {}
        self.save_post: dict[int, tuple[Callable[..., Any], bool]] = {}  # hook, may it return another dict
        self.load_pre: dict[int, tuple[Callable[..., Any], bool]] = {}  # hook, does it take the module
        self.load_post: dict[int, Callable[..., Any]] = {}


class ModuleState(ModuleTree):
    """Saving and loading of a tree of modules."""

    _version: int = 1  # of the layout of this class's entries; kept in the metadata
    _state_hooks: _StateHooks | None

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["_state_hooks"] = None

    def get_extra_state(self) -> Any:
        """More state than tensors, to be kept in the state dict: define it together with ``set_extra_state``."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. "
            "Override it together with set_extra_state()."
        )

    def set_extra_state(self, state: Any) -> None:
        """Takes back what ``get_extra_state`` returned."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. "
            "Override it together with get_extra_state()."
        )

    # -- saving

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Every parameter and persistent buffer of the tree by its path.

        The tensors share memory with the module's. They are detached from the graph unless ``keep_vars``.
        """
        if destination is None:
            destination = StateDict()
            destination._metadata = OrderedDict()
        local_metadata: dict[str, Any] = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata

        hooks = self._state_hooks
        if hooks is not None:
            for pre_hook in tuple(hooks.save_pre.values()):
                pre_hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name in self._module_names:
            child = self.__dict__[name]
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        if hooks is not None:
            for hook, may_replace in tuple(hooks.save_post.values()):
                result = hook(self, destination, prefix, local_metadata)
                if result is not None:
                    if not may_replace:
                        raise RuntimeError("state_dict post-hook must return None")
                    destination = result
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Adds this module's own entries; subclasses that keep other state extend it."""
        for name, value in self._local_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not ModuleState.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def _local_state(self) -> dict[str, Tensor]:
        names = [*self._parameter_names, *(name for name, kept in self._buffer_names.items() if kept)]
        return {name: self.__dict__[name] for name in names if self.__dict__[name] is not None}

    # -- loading

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copies the values of ``state_dict`` into the tree's parameters and buffers.

        Args:
            state_dict: path -> tensor.
            strict: raise where a key is missing or unexpected, rather than return it.
            assign: make the tensors themselves the module's, with their dtype and device, in place of copying.
                Create the optimizer after that.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata: OrderedDict[str, dict[str, Any]] = getattr(state_dict, "_metadata", None) or OrderedDict()
        entries = StateDict(state_dict)  # a copy: _load_from_state_dict and hooks may change it
        entries._metadata = metadata
        keys = IncompatibleKeys([], [])
        errors: list[str] = []
        self._load_tree(entries, "", metadata, assign, keys, errors)

        if strict:
            reports = (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys))
            lists = [(what, ", ".join(f'"{key}"' for key in found)) for what, found in reports if found]
            errors[:0] = [f"{what} key(s) in state_dict: {found}. " for what, found in lists]
        if errors:
            report = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{report}")
        return keys

    def _load_tree(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        metadata: Mapping[str, dict[str, Any]],
        assign: bool,
        keys: IncompatibleKeys,
        errors: list[str],
    ) -> None:
        local_metadata = dict(metadata.get(prefix[:-1], {}))
        if assign:
            local_metadata["assign_to_params_buffers"] = True
        self._load_from_state_dict(
            state_dict, prefix, local_metadata, True, keys.missing_keys, keys.unexpected_keys, errors
        )
        for name in self._module_names:
            child = self.__dict__[name]
            if child is not None:
                child_prefix = f"{prefix}{name}."
                entries = {key: value for key, value in state_dict.items() if key.startswith(child_prefix)}
                child._load_tree(entries, child_prefix, metadata, assign, keys, errors)
        if self._state_hooks is not None:
            for hook in tuple(self._state_hooks.load_post.values()):
                if hook(self, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return "
                        "new values, if incompatible_keys need to be modified, it should be done inplace."
                    )

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Takes this module's own entries, those under ``prefix`` without a further dot.

        Subclasses whose layout has changed override it, rename keys by ``local_metadata["version"]``, and call this.
        """
        if self._state_hooks is not None:
            arguments = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
            for hook, with_module in tuple(self._state_hooks.load_pre.values()):
                if with_module:
                    hook(self, *arguments)
                else:
                    hook(*arguments)

        assign = bool(local_metadata.get("assign_to_params_buffers", False))
        local_state = self._local_state()
        for name, own in local_state.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_one(name, own, key, state_dict[key], assign)
                if error is not None:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)

        extra_key = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not ModuleState.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)

        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (self._module_names if dot else local_state):
                        unexpected_keys.append(key)

    def _load_one(self, name: str, own: Tensor, key: str, value: Any, assign: bool) -> str | None:
        """Loads one tensor; returns what was wrong with it."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected hotloop.Tensor or Tensor-like object from '
                f"checkpoint but received {type(value)}"
            )
        if is_lazy(own) and is_lazy(value):
            return None
        if own.ndim == 0 and value.shape == (1,):  # scalars were saved so by old versions of PyTorch
            value = value.reshape(())
        if value.shape != own.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in "
                f"current model is {own.shape}."
            )
        try:
            with no_grad():
                if not assign:
                    own.copy_(value)
                elif not isinstance(own, Parameter):
                    setattr(self, name, value)
                elif isinstance(value, Parameter):
                    setattr(self, name, value.requires_grad_(own.requires_grad))
                else:
                    setattr(self, name, Parameter(value, own.requires_grad))
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are {own.shape} and whose '
                f"dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
            )
        return None

    # -- hooks

    def _get_state_hooks(self) -> _StateHooks:
        if self._state_hooks is None:
            self._state_hooks = _StateHooks()
        return self._state_hooks

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before this module's entries are collected."""
        return add_hook(self._get_state_hooks().save_pre, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)``, which may change the dict in place."""
        return add_hook(self._get_state_hooks().save_post, (hook, False))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Like ``register_state_dict_post_hook``, for a hook that may return another dict."""
        return add_hook(self._get_state_hooks().save_post, (hook, True))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, *arguments of _load_from_state_dict)`` before this module's entries are loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        return add_hook(self._get_state_hooks().load_pre, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys)`` after the subtree is loaded; it may change the lists in place."""
        return add_hook(self._get_state_hooks().load_post, hook)
