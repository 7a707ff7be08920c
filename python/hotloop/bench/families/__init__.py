"""The rows of the benchmark, a module a family."""

from __future__ import annotations

from collections.abc import Callable

from hotloop.bench.case import Case
from hotloop.bench.families import matmul, optimizer, scaling, small, tensors

FAMILIES: dict[str, Callable[[], list[Case]]] = {
    "matmul": matmul.cases,
    "small": small.cases,
    "pointwise": tensors.pointwise,
    "softmax": tensors.softmax,
    "reduction": tensors.reduction,
    "transpose": tensors.transpose,
    "layernorm": tensors.layernorm,
    "optimizer": optimizer.cases,
    "scaling": scaling.cases,
}
