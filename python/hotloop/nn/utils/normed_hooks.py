"""Weight and spectral normalisation by hooks before forward: the older form of nn.utils.parametrizations."""

from __future__ import annotations

from typing import Any, TypeVar

from hotloop._core import Tensor
from hotloop.nn.module import Module
from hotloop.nn.parameter import Parameter, UninitializedParameter
from hotloop.nn.utils._normed_weights import (
    as_matrix,
    checked_iterations,
    drawn_vectors,
    norm_except_dim,
    power_iterations,
    scaled,
    singular_value,
)

_M = TypeVar("_M", bound=Module)


class _WeightHook:
    """Sets ``module.<name>`` before each forward pass."""

    what = ""

    def __init__(self, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim

    def compute_weight(self, module: Module) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def claim(self, module: Module) -> Parameter:
        """Takes the weight out of the module's parameters."""
        for hook in module._get_hooks().forward_pre.values():
            function: Any = hook.function
            if type(function) is type(self) and function.name == self.name:
                raise RuntimeError(f"Cannot register two {self.what} hooks on the same parameter {self.name}")
        weight = module._parameters[self.name]
        if weight is None:
            raise ValueError(f"`{self.what}` cannot be applied as parameter `{self.name}` is None")
        if isinstance(weight, UninitializedParameter):
            raise ValueError(
                f"The module passed to `{self.what}` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying it"
            )
        delattr(module, self.name)
        return weight  # type: ignore[no-any-return]


def _removed(module: Module, kind: type[_WeightHook], name: str) -> Any:
    hooks = module._get_hooks().forward_pre
    for key, hook in hooks.items():
        function: Any = hook.function
        if type(function) is kind and function.name == name:
            del hooks[key]
            return function
    raise ValueError(f"{kind.what} of '{name}' not found in {module}")


class WeightNorm(_WeightHook):
    """The hook of weight_norm()."""

    what = "weight_norm"

    def compute_weight(self, module: Module) -> Tensor:
        """g v / |v|."""
        return scaled(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    """Splits a weight into parameters ``<name>_g`` and ``<name>_v``, w = g v / |v| (Salimans and Kingma 2016).

    Args:
        module: the layer, which is returned.
        name: of the weight.
        dim: its slices have a magnitude each; with None there is one for all.
    """
    hook = WeightNorm(name, -1 if dim is None else dim)
    weight = hook.claim(module)
    module.register_parameter(name + "_g", Parameter(norm_except_dim(weight.detach(), hook.dim)))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: _M, name: str = "weight") -> _M:
    """Makes the weight a parameter again, of the value that it has."""
    weight = _removed(module, WeightNorm, name).compute_weight(module).detach()
    for attribute in (name, name + "_g", name + "_v"):
        delattr(module, attribute)
    module.register_parameter(name, Parameter(weight))
    return module


class SpectralNorm(_WeightHook):
    """The hook of spectral_norm()."""

    what = "spectral_norm"

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name, dim)
        self.n_power_iterations = checked_iterations(n_power_iterations)
        self.eps = eps

    def compute_weight(self, module: Module) -> Tensor:
        """The weight over its largest singular value; in training u and v take a step first."""
        weight, u, v = (getattr(module, self.name + part) for part in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if module.training:
            power_iterations(matrix, u, v, self.n_power_iterations, self.eps, u_first=False)
        value: Tensor = weight / singular_value(matrix, u, v)
        return value


def spectral_norm(
    module: _M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> _M:
    """Divides a weight by its largest singular value (Miyato et al. 2018), estimated by power iterations in training.

    Args:
        module: the layer, which is returned; its parameter is then ``<name>_orig``.
        name: of the weight.
        n_power_iterations: in each forward pass of training.
        eps: the least norm that vectors are divided by.
        dim: which one counts the outputs: 0.
    """
    hook = SpectralNorm(name, n_power_iterations, 0 if dim is None else dim, eps)
    weight = hook.claim(module)
    matrix = as_matrix(weight.detach(), hook.dim)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.detach())
    for part, vector in zip(("_u", "_v"), drawn_vectors(matrix, eps), strict=True):
        module.register_buffer(name + part, vector)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: _M, name: str = "weight") -> _M:
    """Makes the weight a parameter again, of the value that it has, without another step of u and v."""
    hook = _removed(module, SpectralNorm, name)
    training, module.training = module.training, False
    weight = hook.compute_weight(module).detach()
    module.training = training
    for attribute in (name, name + "_orig", name + "_u", name + "_v"):
        delattr(module, attribute)
    module.register_parameter(name, Parameter(weight))
    return module
