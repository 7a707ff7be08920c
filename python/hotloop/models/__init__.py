"""Whole models, a file each."""

from hotloop.models.mlp import MLP

__all__ = ["MLP"]
