"""The adaptive softmax: frequent classes in a head, rare ones in clusters of fewer features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hotloop import _core
from hotloop._core import Tensor
from hotloop.nn.containers import ModuleList, Sequential
from hotloop.nn.linear import Linear
from hotloop.nn.module import Module


class OutputAndLoss(NamedTuple):
    """What the layer returns: each sample's log-probability of its target, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """log_softmax of a linear layer over many classes, sorted by how frequent they are (Grave et al. 2017).

    The head scores the classes below ``cutoffs[0]`` and each cluster as a whole; cluster i has the classes from
    ``cutoffs[i]`` to the next, and in_features / div_value^(i + 1) features.

    Args:
        in_features: size of the input.
        n_classes: how many.
        cutoffs: where the clusters begin, ascending.
        div_value: by how much each cluster's features are fewer.
        head_bias: whether the head has a bias.
    """

    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = list(cutoffs)
        if not ends:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if any(int(c) != c for c in ends) or ends != sorted(set(ends)) or ends[0] <= 0 or ends[-1] >= n_classes:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1, got {ends} for n_classes={n_classes}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*ends, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = ends[0]
        self.n_clusters = len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, False, device, dtype), Linear(hidden, size, False, device, dtype)
                )
            )

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        self.head.reset_parameters()
        for projection in self.tail:
            for layer in projection:
                layer.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> OutputAndLoss:
        """input (N, in_features), target (N), or both without N -> log-probabilities of the targets, loss ()."""
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input.ndim != target.ndim + 1:
            raise RuntimeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with size "
                f"{tuple(input.shape)}"
            )
        if target.ndim == 0:
            output, loss = self.forward(input.unsqueeze(0), target.unsqueeze(0))
            return OutputAndLoss(output.squeeze(0), loss)
        if input.shape[0] != target.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if target.numel() and not ((target >= 0) & (target < self.n_classes)).all():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = _core.log_softmax(self.head(input), 1)
        column = target  # of the head: the class, or its cluster
        within = _core.zeros(target.shape, dtype=head.dtype, device=head.device)  # log-probability in its cluster
        for i, projection in enumerate(self.tail):
            first, end = self.cutoffs[i], self.cutoffs[i + 1]
            inside = (target >= first) & (target < end)
            rows = inside.nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            column = column.masked_fill(inside, self.shortlist_size + i)
            local = _core.log_softmax(projection(input.index_select(0, rows)), 1)
            places = target.index_select(0, rows).unsqueeze(1) - first
            within = within.index_add(0, rows, local.gather(1, places).squeeze(1))
        output = head.gather(1, column.unsqueeze(1)).squeeze(1) + within
        return OutputAndLoss(output, -output.mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """input (N, in_features) -> log-probabilities (N, n_classes)."""
        head = _core.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, projection in enumerate(self.tail):
            parts.append(_core.log_softmax(projection(input), 1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return _core.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """input (N, in_features) -> the most probable class of each row (N)."""
        best: Tensor = self.head(input).argmax(1)
        rare = (best >= self.shortlist_size).nonzero().squeeze(1)
        if rare.numel() == 0:
            return best
        return best.index_copy(0, rare, self.log_prob(input.index_select(0, rare)).argmax(1))
