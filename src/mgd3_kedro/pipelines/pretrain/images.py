"""What the nodes of this pipeline are given: images of a split, models as they are stored."""

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
    """Return a copy with the weights rounded as they are stored, to half precision.

    Args:
        model: Stays as it is.
        precision: A name of `PRECISIONS`, that the copy computes in.
    """
    stored = copy.deepcopy(model).half()
    # That of PyTorch: diffusers' own says at every call what it is about to round.
    return torch.nn.Module.to(stored, PRECISIONS[precision].dtype)


def real_images(benchmark: Benchmark, partitions: Mapping[str, Partition]) -> LabelledSet:
    """Return all images of all classes of a split."""
    return LabelledSet.of_classes([partitions[wnid].load()[:] for wnid in benchmark.wnids])


def fitted(shown: LabelledSet, size: int) -> LabelledSet:
    """Return images at the side that a network sees, in pixels."""
    return replace(shown, images=fit_images(shown.images, size, size))
