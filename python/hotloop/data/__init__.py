"""Datasets, samplers, and the loader that makes batches of them."""

from hotloop.data.collate import default_collate
from hotloop.data.dataloader import DataLoader
from hotloop.data.dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from hotloop.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "TensorDataset",
    "default_collate",
    "random_split",
]
