"""What training loops do with parameters: clip their gradients, see them as one vector, compute them from others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotloop.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from hotloop.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters

if TYPE_CHECKING:
    from hotloop.nn.utils import parametrizations, parametrize
    from hotloop.nn.utils.normed_hooks import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]

_HOOKS = ("remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm")


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("parametrizations", "parametrize"):
        return importlib.import_module(f"hotloop.nn.utils.{name}")
    if name in _HOOKS:
        return getattr(importlib.import_module("hotloop.nn.utils.normed_hooks"), name)
    raise AttributeError(f"module 'hotloop.nn.utils' has no attribute {name!r}")
