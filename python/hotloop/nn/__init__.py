"""Layers, losses, and the base class of both."""

from hotloop.nn import functional, init, utils
from hotloop.nn.activation import GELU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh
from hotloop.nn.containers import ModuleDict, ModuleList, Sequential
from hotloop.nn.dropout import Dropout
from hotloop.nn.embedding import Embedding
from hotloop.nn.flatten import Flatten, Unflatten
from hotloop.nn.linear import Identity, Linear
from hotloop.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from hotloop.nn.module import Module
from hotloop.nn.normalization import LayerNorm
from hotloop.nn.packed import PackedLinear, pack_for_inference
from hotloop.nn.parameter import Parameter

__all__ = [
    "GELU",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "PackedLinear",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
    "pack_for_inference",
    "utils",
]
