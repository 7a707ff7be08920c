"""Optimizers, most of which make a step by one fused kernel over all parameters of a group; learning-rate
schedules; averaged weights.
"""

from hotloop.optim import lr_scheduler, swa_utils
from hotloop.optim._hooks import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from hotloop.optim.adafactor import Adafactor
from hotloop.optim.adagrad import Adadelta, Adagrad
from hotloop.optim.adam import Adam, AdamW
from hotloop.optim.adam_kin import Adamax, NAdam, RAdam
from hotloop.optim.lbfgs import LBFGS
from hotloop.optim.lion import Lion
from hotloop.optim.muon import Muon
from hotloop.optim.optimizer import Optimizer
from hotloop.optim.rmsprop import RMSprop
from hotloop.optim.rprop import ASGD, Rprop
from hotloop.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
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
    "Rprop",
    "lr_scheduler",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "swa_utils",
]
