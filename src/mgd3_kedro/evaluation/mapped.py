"""Room for images: in memory, or in a file of which the system keeps what fits there."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

MOST_IN_MEMORY = 4 * 2**30
"""Bytes above which a set is in a file. Imagenette at 256 px has 1.9 GB, ImageNet-1K 250 GB."""


def allocate(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor that nothing is written into yet.

    A large one is mapped from a file without a name in the folder for temporary files (`TMPDIR`),
    which is gone with the tensor.

    Args:
        shape: Of the tensor.
        dtype: Of its numbers.

    Raises:
        OSError: If the disk has too little room, before anything is written.
    """
    size = math.prod(shape)
    needed = size * dtype.itemsize
    if needed <= MOST_IN_MEMORY:
        return torch.empty(tuple(shape), dtype=dtype)
    with tempfile.NamedTemporaryFile(prefix="mgd3_kedro-") as file:
        try:
            _reserve(file.fileno(), needed)
        except OSError as error:
            raise OSError(
                f"{Path(file.name).parent}: expected room for {needed / 1e9:.1f} GB of images, "
                f"got: {error.strerror}; set TMPDIR to a folder on a larger disk"
            ) from error
        return torch.from_file(file.name, shared=True, size=size, dtype=dtype).view(*shape)


def _reserve(file: int, size: int) -> None:
    # A process that writes into a hole of a mapped file ends without a word where the disk is full.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)


def is_mapped(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor is so large that `allocate` puts it into a file."""
    return tensor.nbytes > MOST_IN_MEMORY
