"""Optimizers, each step one fused kernel over all parameters of a group."""

from hotloop.optim.adam import Adam, AdamW
from hotloop.optim.optimizer import Optimizer
from hotloop.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
