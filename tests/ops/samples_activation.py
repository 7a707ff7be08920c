"""Samples of the activations of nn.functional and of its distances, at the points where they bend too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import FLOATS, Op, array, call, floats
from ops.samples_pointwise import INF, NAN, layouts

BENDS = [-INF, -7.0, -3.0, -2.5, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.5, 3.0, 6.0, 7.0, INF, NAN]


def activation(
    name: str, *forms: dict[str, Any], bends: bool = True, dtypes: tuple[str, ...] = FLOATS, **options: Any
) -> Op:
    """The function as it is, and in its other forms."""
    samples = [call(x) for x in layouts(low=-4.0, high=4.0)] + [
        call(floats(11, dtype=d, low=-7, high=7)) for d in dtypes
    ]
    if bends:
        samples += [call(array(BENDS[1:-2], "float64")), call(array(BENDS, grad=False))]
    samples += [call(floats(2, 7, low=-4, high=7), **form) for form in forms]
    return Op(f"nn.functional.{name}", samples, **options)


OPS: list[Op] = [
    activation("relu", {"inplace": False}),
    activation("relu6"),
    activation("leaky_relu", {"negative_slope": 0.3}),
    activation("elu", {"alpha": 0.5}),
    activation("selu"),
    activation("celu", {"alpha": 0.5}, {"alpha": 2.0}),
    activation("silu", bends=False),
    activation("mish", bends=False, ulps=4.0),
    activation("softsign", bends=False),
    activation("softshrink", {"lambd": 1.5}, {"lambd": 0}),
    activation("hardshrink", {"lambd": 1.5}),
    activation("hardtanh", {"min_val": -2.5, "max_val": 0.5}),
    # PyTorch multiplies the gradient with 1 / 6 as float32 has it, and has no second one.
    activation("hardsigmoid", gradient=False),
    activation("hardswish"),
    # The difference cancels; in 16 bits little of it is left.
    activation("tanhshrink", bends=False, dtypes=("float64", "float32"), ulps=40.0),
    activation("logsigmoid", bends=False),
    activation("rrelu"),
    Op(
        "nn.functional.threshold",
        [call(x, 0.5, 7.0) for x in layouts()]
        + [call(array(BENDS[1:-1]), -1, -2), call(array(BENDS, grad=False), 1, 2)],
    ),
    Op(
        "nn.functional.prelu",
        [
            call(floats(2, 3, 4), floats(3)),
            call(floats(2, 3), floats(1)),
            call(floats(5), floats(1)),
            call(floats(0, 3), floats(3)),
            call(floats(), floats(1)),
            call(floats(2, 3, layout="transposed", dtype="float64"), floats(3, dtype="float64")),
        ],
    ),
    Op("Tensor.prelu", [call(floats(2, 3), floats(3))]),
    Op(
        "nn.functional.glu",
        [call(floats(4, 6)), call(floats(4, 3), 0), call(floats(2, 4, 3), dim=-2), call(floats(0, 4)), call(floats(4))],
    ),
    Op(
        "nn.functional.softmin",
        [call(floats(4, 6), 1), call(floats(4, 3), dim=0), call(floats(3, 2), dim=-1, dtype="dtype:float64")],
        length=6,
    ),
    Op(
        "nn.functional.normalize",
        [
            call(floats(4, 6)),
            call(floats(4, 3), p=1, dim=0),
            call(floats(2, 4, 3), 3.0, -1),
            call(floats(2, 3), eps=5.0),
            call(floats(5), dim=0),
        ],
        length=6,
    ),
    Op(
        "nn.functional.cosine_similarity",
        [
            call(floats(4, 6), floats(4, 6)),
            call(floats(4, 6), floats(6), dim=-1),
            call(floats(4, 1, 3), floats(1, 5, 3), 2),
            call(floats(5), floats(5), dim=0, eps=1e-3),
        ],
        length=6,
    ),
    Op("cosine_similarity", [call(floats(4, 6), floats(4, 6))], length=6),
    Op(
        "nn.functional.pairwise_distance",
        [
            call(floats(4, 6), floats(4, 6)),
            call(floats(4, 6), floats(6), p=1.0),
            call(floats(4, 3), floats(4, 3), 3.0, 0.1, True),
            call(floats(3), floats(3), p=np.inf),
        ],
        length=6,
    ),
]
