"""Allocation of tensors for images: in memory, or as a memory-mapped temporary file."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

MOST_IN_MEMORY = 4 * 2**30
"""Largest set in memory, in bytes. Imagenette at 256 px has 1.9 GB, ImageNet-1K 250 GB."""


def allocate(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Return an uninitialised tensor.

    A tensor above `MOST_IN_MEMORY` is mapped from an unlinked file in the folder for temporary
    files (`TMPDIR`). The disk space is free again when the tensor is deleted.

    Args:
        shape: Shape of the tensor.
        dtype: Type of its elements.

    Raises:
        OSError: If the disk has too little space; nothing is written then.
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
    # Without reserved space, a write to the mapped file kills the process if the disk is full.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)


def is_mapped(tensor: torch.Tensor) -> bool:
    """Return whether a tensor is so large that `allocate` maps it from a file."""
    return tensor.nbytes > MOST_IN_MEMORY
