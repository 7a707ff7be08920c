"""Optimizers, each step one fused kernel over all parameters of a group; learning-rate schedules; averaged weights."""

from hotloop.optim import lr_scheduler, swa_utils
from hotloop.optim.adagrad import Adadelta, Adagrad
from hotloop.optim.adam import Adam, AdamW
from hotloop.optim.adam_kin import Adamax, NAdam, RAdam
from hotloop.optim.lion import Lion
from hotloop.optim.muon import Muon
from hotloop.optim.optimizer import Optimizer
from hotloop.optim.rmsprop import RMSprop
from hotloop.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "lr_scheduler",
    "swa_utils",
]
