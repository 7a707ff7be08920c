"""Weight and spectral normalisation as parametrizations."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.nn.module import Module
from hotloop.nn.utils import parametrize
from hotloop.nn.utils._normed_weights import (
    as_matrix,
    checked_iterations,
    drawn_vectors,
    norm_except_dim,
    power_iterations,
    scaled,
    singular_value,
)

__all__ = ["spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The magnitudes and the directions -> the weight."""
        return scaled(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """A weight -> its magnitudes and directions."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Splits a weight into magnitude and direction, w = g v / |v| (Salimans and Kingma 2016).

    Args:
        module: the layer, which is returned; the optimizer then sees ``parametrizations.<name>.original0`` (g) and
            ``original1`` (v).
        name: of the weight.
        dim: its slices have a magnitude each; with None there is one for all.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        """Takes the keys of the older nn.utils.weight_norm."""
        if f"{prefix}{name}_g" in state_dict and f"{prefix}{name}_v" in state_dict:
            for i, part in enumerate("gv"):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(f"{prefix}{name}_{part}")

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        n_power_iterations = checked_iterations(n_power_iterations)
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            for name, vector in zip(("_u", "_v"), drawn_vectors(matrix, eps), strict=True):
                self.register_buffer(name, vector)
            power_iterations(matrix, self._u, self._v, 15, eps, u_first=True)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its largest singular value, or, where it is a vector, its norm."""
        if weight.ndim == 1:
            return _core.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            power_iterations(matrix, self._u, self._v, self.n_power_iterations, self.eps, u_first=True)
        return weight / singular_value(matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, which is taken to be normalised."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divides a weight by its largest singular value (Miyato et al. 2018), estimated by power iterations in training.

    Args:
        module: the layer, which is returned.
        name: of the weight.
        n_power_iterations: in each forward pass of training.
        eps: the least norm that vectors are divided by.
        dim: which one counts the outputs: 0.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    normed = _SpectralNorm(weight, n_power_iterations, 0 if dim is None else dim, eps)
    return parametrize.register_parametrization(module, name, normed)
