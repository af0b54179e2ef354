"""Common inputs of this pipeline's nodes: images of a split, models with rounded weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import LabelledSet
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.stages import Partition


def as_shipped(model: torch.nn.Module, precision: str = "fp32") -> Any:
    """Return a copy whose weights are rounded to half precision, as they are stored.

    Args:
        model: The model, which is not changed.
        precision: A name of `PRECISIONS`, the precision that the copy computes in.
    """
    stored = copy.deepcopy(model).half()
    # PyTorch's own method, because that of diffusers logs a message at every call.
    return torch.nn.Module.to(stored, PRECISIONS[precision].dtype)


def real_images(benchmark: Benchmark, partitions: Mapping[str, Partition]) -> LabelledSet:
    """Return all images of all classes of a split."""
    return LabelledSet.of_classes([partitions[wnid].load()[:] for wnid in benchmark.wnids])


def fitted(shown: LabelledSet, size: int) -> LabelledSet:
    """Return the set with images resized to a network's input, of a side in pixels."""
    return replace(shown, images=fit_images(shown.images, size, size))
