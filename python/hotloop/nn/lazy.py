"""Layers that take the sizes of their parameters from their first input."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.nn.batchnorm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _InstanceNorm,
)
from hotloop.nn.linear import Linear
from hotloop.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy


class LazyModuleMixin:
    """Before Module in a class's bases: its uninitialised parameters are made by ``initialize_parameters``.

    That runs before the first forward pass, with its arguments; the layer then becomes an instance of
    ``cls_to_become``. Loading a state dict gives the parameters their shapes too.
    """

    cls_to_become: type[Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        module.__dict__["_lazy_handles"] = [
            module._register_load_state_dict_pre_hook(self._take_shapes),
            module.register_forward_pre_hook(self._infer_parameters, with_kwargs=True),
        ]

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materializes the parameters and buffers; takes what forward takes."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer has no shape yet."""
        return any(is_lazy(tensor) for tensor in self._lazy_candidates().values())

    def _lazy_candidates(self) -> dict[str, Any]:
        module: Any = self
        return {name: module.__dict__[name] for name in (*module._parameter_names, *module._buffer_names)}

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        module: Any = self
        super()._save_to_state_dict(destination, prefix, keep_vars)  # type: ignore[misc]
        for name in module._local_state():
            if is_lazy(module.__dict__[name]):
                destination[prefix + name] = module.__dict__[name]

    def _take_shapes(self, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        for name, tensor in self._lazy_candidates().items():
            value = state_dict.get(prefix + name)
            if is_lazy(tensor) and value is not None and not is_lazy(value):
                tensor.materialize(value.shape)

    def _infer_parameters(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        module.initialize_parameters(*args, **kwargs)
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        for handle in module.__dict__.pop("_lazy_handles"):
            handle.remove()
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear whose ``in_features`` is the first input's last size.

    Args:
        out_features: size of the last dimension of the output.
        bias: whether there is one.
    """

    cls_to_become = Linear
    weight: Any
    bias: Any

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False, device, dtype)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Gives weight and bias their shapes."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
            self.reset_parameters()
        if self.in_features == 0:  # the shapes came from a state dict
            self.in_features = self.weight.shape[-1]


class _LazyNorm(LazyModuleMixin):
    """Of batch and instance norms: ``num_features`` is the first input's number of channels."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype)
        module: Any = self
        module.affine = affine
        module.track_running_stats = track_running_stats
        if affine:
            module.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                module.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            module.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            module.running_var = UninitializedBuffer(device=device, dtype=dtype)
            module.num_batches_tracked = _core.tensor(0, dtype=_core.int64, device=device)

    def reset_parameters(self) -> None:
        """Sets weight, bias and statistics to their first values, once they have shapes."""
        if not self.has_uninitialized_params() and self.num_features != 0:  # type: ignore[attr-defined]
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor) -> None:
        """Gives parameters and statistics their shapes."""
        module: Any = self
        if self.has_uninitialized_params():
            single = isinstance(self, _InstanceNorm) and input.ndim == module._dims[0]
            module.num_features = input.shape[0 if single else 1]
            for tensor in self._lazy_candidates().values():
                if is_lazy(tensor):
                    tensor.materialize((module.num_features,))
            self.reset_parameters()
        if module.num_features == 0:  # the shapes came from a state dict
            kept = module.weight if module.weight is not None else module.running_mean
            module.num_features = kept.shape[0]


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A BatchNorm1d that takes its ``num_features`` from the first input; the other arguments are the same."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A BatchNorm2d that takes its ``num_features`` from the first input; the other arguments are the same."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A BatchNorm3d that takes its ``num_features`` from the first input; the other arguments are the same."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An InstanceNorm1d that takes its ``num_features`` from the first input; the other arguments are the same."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An InstanceNorm2d that takes its ``num_features`` from the first input; the other arguments are the same."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An InstanceNorm3d that takes its ``num_features`` from the first input; the other arguments are the same."""

    cls_to_become = InstanceNorm3d
