"""Learning rates that follow a schedule. Call ``step()`` after ``optimizer.step()``, once an epoch or once a batch.

Rates are kept in the optimizer's groups, under "lr"; the rate that a schedule begins from, under "initial_lr".
Schedules that go from the rate as it is to the next one can be chained, and the rate may be changed by hand in between.
"""

from hotloop.optim.lr_scheduler.base import LRScheduler
from hotloop.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from hotloop.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from hotloop.optim.lr_scheduler.cyclic import CyclicLR, OneCycleLR
from hotloop.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from hotloop.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
