"""BatchNorm and InstanceNorm."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._core import Tensor, batch_norm
from hotloop.nn._affine import Affine
from hotloop.nn._normalization import instance_norm


class _Norm(Affine):
    """Weight, bias and running statistics of each of ``num_features`` channels."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _dims: tuple[int, ...]  # of inputs

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._register_affine(num_features, affine, affine and bias, device, dtype)
        for name in ("running_mean", "running_var"):
            stats = _core.empty(num_features, device=device, dtype=dtype) if track_running_stats else None
            self.register_buffer(name, stats)
        count = _core.tensor(0, dtype=_core.int64, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Sets the running mean to zero and the running variance to one."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Sets weight to one, bias to zero, and the running statistics to those of nothing."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self._dims:
            wanted = " or ".join(f"{n}D" for n in self._dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    def forward(self, input: Tensor) -> Tensor:
        """input (N, C, ...) -> the same shape."""
        self._check_input_dim(input)
        momentum = self.momentum or 0.0
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / self.num_batches_tracked.item()
        tracked = not self.training or self.track_running_stats
        return batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )


class _InstanceNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """input (N, C, ...), or (C, ...) without a batch -> the same shape."""
        self._check_input_dim(input)
        single = input.ndim == self._dims[0]
        channels = input.shape[0 if single else 1]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={0 if single else 1} to match num_features ({self.num_features}), but "
                f"got: {channels}."
            )
        out = instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return out.squeeze(0) if single else out


class BatchNorm1d(_BatchNorm):
    """Each channel at mean 0 and variance 1 over the batch, then scaled: (N, C) or (N, C, L).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new in the running mean and variance; None averages over all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether mean and variance of training are kept for evaluation.
        bias: whether there is a bias.
    """

    _dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel at mean 0 and variance 1 over the batch, then scaled: (N, C, H, W).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new in the running mean and variance; None averages over all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether mean and variance of training are kept for evaluation.
        bias: whether there is a bias.
    """

    _dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Each channel at mean 0 and variance 1 over the batch, then scaled: (N, C, D, H, W).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new in the running mean and variance; None averages over all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether mean and variance of training are kept for evaluation.
        bias: whether there is a bias.
    """

    _dims = (5,)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample at mean 0 and variance 1, then scaled: (C, L) or (N, C, L).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new in the running mean and variance.
        affine: whether there are weight and bias.
        track_running_stats: whether mean and variance of training are kept for evaluation.
        bias: whether there is a bias.
    """

    _dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample at mean 0 and variance 1, then scaled: (C, H, W) or (N, C, H, W).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new in the running mean and variance.
        affine: whether there are weight and bias.
        track_running_stats: whether mean and variance of training are kept for evaluation.
        bias: whether there is a bias.
    """

    _dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each sample at mean 0 and variance 1, then scaled: (C, D, H, W) or (N, C, D, H, W).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new in the running mean and variance.
        affine: whether there are weight and bias.
        track_running_stats: whether mean and variance of training are kept for evaluation.
        bias: whether there is a bias.
    """

    _dims = (4, 5)
