"""Pickled weights, read without running any code in the pickle."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

TRAINING_STATE = ("pytorch_lightning", "lightning", "numpy")
"""Packages whose objects a training checkpoint holds besides its weights."""


class Unread:
    """A placeholder for an object of a training framework; it does nothing."""

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def read_pickle(path: Path) -> Mapping[str, Any]:
    """Read a file that `torch.save` wrote: tensors and plain values, by name.

    Objects of training frameworks are replaced by placeholders, whether their package is installed
    or not.

    Raises:
        ValueError: If the file was not written by `torch.save`, holds no mapping, or calls any
            other function or class.
    """
    in_parts = zipfile.is_zipfile(path)  # as PyTorch has written since 1.6
    try:
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(path) if in_parts else []
        ignored = [name for name in asked if name.split(".")[0] in TRAINING_STATE]
        with torch.serialization.safe_globals([(Unread, name) for name in ignored]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=in_parts)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # bytes that are no pickle may fail in any way
        raise ValueError(
            f"{path}: expected tensors and plain values as torch.save writes them, got a file "
            f"that was not read: {_reason(error)}"
        ) from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: expected tensors by name, got a {type(content).__name__}")
    return content


def _reason(error: Exception) -> str:
    # The rest of PyTorch's message advises to read the file anyway.
    if match := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"it calls {match[1]}, which could run any code; save only the weights with the "
            "program that made it"
        )
    lines = str(error).splitlines() or [type(error).__name__]
    return next((line for line in lines if "WeightsUnpickler error" in line), lines[0]).strip()
