"""The dropout functions of ``nn.functional``."""

from __future__ import annotations

import math

from hotloop import _core
from hotloop._core import Tensor

# SELU's limit of large negative inputs, which alpha dropout puts in the place of what it drops: -scale * alpha.
_ALPHA = 1.7580993408473766


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zero with probability ``p``, else times 1/(1-p) (Srivastava et al. 2014); input itself at rest."""
    if not inplace:
        return _core.dropout(input, p, training)
    _check(p)
    return input.mul_(_core.dropout(_core.ones_like(input), p)) if training and p > 0 else input


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) zero with probability ``p``, the others times 1/(1-p)."""
    _check(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input.")
    return _dropout_channels(input, p, training, inplace, batched=input.ndim == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W), or of (N, C, L), zero with probability ``p``, the others times 1/(1-p).

    As in PyTorch, 3 dims are a batch of sequences.
    """
    _check(p)
    return _dropout_channels(input, p, training, inplace, batched=True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, D, H, W), or of (C, D, H, W), zero with probability ``p``, the others times 1/(1-p)."""
    _check(p)
    return _dropout_channels(input, p, training, inplace, batched=input.ndim == 5)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps zero mean and unit variance, for SELU (Klambauer et al. 2017).

    Dropped elements become SELU's limit -1.758; all are scaled and shifted back to mean 0 and variance 1.
    """
    _check(p)
    return _alpha(input, p, tuple(input.shape), inplace) if training and p > 0 else input


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Alpha dropout of whole channels of (N, C, ...)."""
    _check(p)
    return _alpha(input, p, _channels(input), inplace) if training and p > 0 else input


def _dropout_channels(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if not training or p == 0:
        return input
    shape = _channels(input) if batched else (input.shape[0],) + (1,) * (input.ndim - 1)
    mask = _core.dropout(_core.ones(shape, dtype=input.dtype, device=input.device), p)
    return input.mul_(mask) if inplace else input * mask


def _alpha(input: Tensor, p: float, shape: tuple[int, ...], inplace: bool) -> Tensor:
    if p == 1:
        return input.mul_(0.0) if inplace else input * 0.0
    kept = _core.empty(shape, dtype=input.dtype, device=input.device).bernoulli_(1 - p)
    scale = 1 / math.sqrt((_ALPHA**2 * p + 1) * (1 - p))
    shift = (kept - 1) * (_ALPHA * scale) + _ALPHA * scale * p
    mask = kept * scale
    return input.mul_(mask).add_(shift) if inplace else input * mask + shift


def _channels(input: Tensor) -> tuple[int, ...]:
    if input.ndim < 2:
        raise RuntimeError(f"Feature dropout requires at least 2 dimensions in the input, got shape {input.shape}")
    return tuple(input.shape[:2]) + (1,) * (input.ndim - 2)


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
