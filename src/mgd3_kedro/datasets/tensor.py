"""Tensors, one safetensors file per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset


class TensorPartitionsDataset(ClassPartitionsDataset):
    """wnid -> dict of tensors, kept as `{wnid}.safetensors`."""

    suffix = ".safetensors"

    @staticmethod
    def write(path: Path, value: Any) -> None:
        """Write a dict of tensors."""
        from safetensors.torch import save

        contiguous = {name: tensor.contiguous() for name, tensor in value.items()}
        path.write_bytes(save(contiguous))

    @staticmethod
    def read(path: Path) -> Any:
        """Read a dict of tensors.

        Raises:
            ValueError: If the file cannot be read; the message names it.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path}: not a readable safetensors file ({error})") from error


class LatentPartitionsDataset(TensorPartitionsDataset):
    """wnid -> latents, read as float32, and the tensors kept with them."""

    @staticmethod
    def read(path: Path) -> Any:
        """Read the latents of a class as float32, whatever type they are stored in.

        Raises:
            ValueError: If the file cannot be read; the message names it.
        """
        tensors = TensorPartitionsDataset.read(path)
        return {**tensors, "latents": tensors["latents"].float()}
