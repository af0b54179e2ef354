"""Trained networks on disk: the teachers of soft labels, and the extractors of features."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checks import lookup
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.records import ModelFolder

CONFIG, WEIGHTS = "config.json", "model.safetensors"


class Selected(nn.Module):
    """A classifier reduced to some of its classes.

    Args:
        network: Maps normalised images (B, 3, S, S) to logits (B, m).
        indices: Indices of the n selected classes, (n,), int64.
    """

    indices: torch.Tensor

    def __init__(self, network: nn.Module, indices: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("indices", indices)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits, (B, n), of normalised images (B, 3, S, S)."""
        logits: torch.Tensor = self.network(images)
        return logits[:, self.indices]


class Published(nn.Module):
    """A classifier of the transformers library, as a module that returns logits.

    Args:
        network: Returns an object with the attribute `logits`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits, (B, m), of normalised images (B, 3, S, S)."""
        logits: torch.Tensor = self.network(images).logits
        return logits


def describe_teacher(
    network: nn.Module,
    name: str,
    image_size: int,
    wnids: Sequence[str],
    training: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the files of a teacher: its configuration and its weights.

    Args:
        network: The trained network.
        name: Its name in `NETWORKS`.
        image_size: Side of its input, in pixels.
        wnids: Folder names of its classes, in the order of its logits.
        training: Facts about the training, for information.

    Returns:
        File name -> content: JSON text and safetensors bytes.
    """
    from safetensors.torch import save

    config = {"network": name, "image_size": image_size, "wnids": [*wnids], "training": training}
    state = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    return {CONFIG: json.dumps(config, indent=2), WEIGHTS: save(state)}


@lru_cache(maxsize=2)
def load_teacher(folder: ModelFolder, classes: tuple[ClassSpec, ...], image_size: int) -> nn.Module:
    """Load a trained network, reduced to the classes of a benchmark.

    A network of `train_teacher` identifies classes by their folder name. A classifier of the
    transformers library, trained on ImageNet, identifies them by their class index. Both may have
    more classes than the benchmark.

    Args:
        folder: Folder of a network of `train_teacher`, or of a classifier of transformers.
        classes: Classes of the benchmark.
        image_size: Side of its future input, in pixels.

    Returns:
        A module in evaluation mode that maps normalised images (B, 3, S, S) to logits (B, n), in
        label order.

    Raises:
        ValueError: If the folder has neither kind of network, if the network lacks a class, or
            if it was trained at another image size.
    """
    config = read_config(folder.path)
    if (trained_at := config.get("image_size", image_size)) != image_size:
        raise ValueError(
            f"teacher: expected a teacher trained at {image_size} px, got {folder.path}, trained "
            f"at {trained_at} px; train another, or use this one with "
            f"--params teacher={folder.path},evaluation.image_size={trained_at}"
        )
    network = lookup(KINDS, kind_of(config), "kind of teacher")(folder.path, config)
    indices = torch.tensor(class_indices(folder.path, config, classes))
    return Selected(network, indices).eval().requires_grad_(False)


def read_config(folder: Path) -> dict[str, Any]:
    """Read the configuration of a teacher.

    Raises:
        ValueError: If the file is missing or not readable, or is of no known kind.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"teacher: expected a {CONFIG} in {folder}, {error}") from error
    if not isinstance(config, dict) or kind_of(config) not in KINDS:
        raise ValueError(
            "teacher: expected a network of train_teacher or a classifier of transformers in "
            f"{folder}, but its {CONFIG} has neither `network` nor `architectures`"
        )
    return config


def kind_of(config: Mapping[str, Any]) -> str:
    """Return the kind of a configuration, a name of `KINDS`; an empty string if it has none."""
    return next((kind for kind in KINDS if kind in config), "")


def count_numbered(folder: Path) -> int | None:
    """Return the number of classes of a teacher that numbers them; None if it has folder names.

    Raises:
        ValueError: If the configuration is missing or not readable.
    """
    config = read_config(folder)
    return None if "wnids" in config else _count(config)


def class_indices(
    folder: Path, config: Mapping[str, Any], classes: Sequence[ClassSpec]
) -> list[int]:
    """Return, for each class of a benchmark, its index among the teacher's logits.

    Raises:
        ValueError: If the teacher lacks a class; the message names the first one.
    """
    if "wnids" in config:
        places = {wnid: place for place, wnid in enumerate(config["wnids"])}
        found = [places.get(spec.wnid, -1) for spec in classes]
    else:
        known = _count(config)
        found = [spec.class_index if spec.class_index < known else -1 for spec in classes]
    if unknown := [spec for spec, place in zip(classes, found, strict=True) if place < 0]:
        first = unknown[0]
        raise ValueError(
            f"teacher: expected a teacher that knows all {len(classes)} classes, got {folder}, "
            f"which lacks {len(unknown)} of them, the first is {first.wnid} ({first.class_name})"
        )
    return found


def _count(config: Mapping[str, Any]) -> int:
    return int(config.get("num_labels", len(config.get("id2label", ()))) or IMAGENET_CLASSES)


IMAGENET_CLASSES = 1000
"""Number of classes, if a classifier's configuration does not have it."""


def _load_own(folder: Path, config: Mapping[str, Any]) -> nn.Module:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = build_network(config["network"], len(config["wnids"]), config["image_size"])
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ValueError(
            f"teacher: expected weights of a {config['network']} in {folder / WEIGHTS}, {error}"
        ) from error
    return network


def _load_published(folder: Path, config: Mapping[str, Any]) -> nn.Module:
    try:
        from transformers import AutoModelForImageClassification
    except ImportError as error:
        raise ValueError(
            f"teacher: {folder} is a classifier of transformers, which is not installed; "
            "pip install 'mgd3_kedro[text]' installs it"
        ) from error
    from safetensors import SafetensorError

    try:
        network, found = AutoModelForImageClassification.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True
        )
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"teacher: expected a classifier of transformers in {folder}, {error}"
        ) from error
    # Transformers only warns about missing weights, and initialises them at random.
    if missing := sorted(found["missing_keys"]):
        raise ValueError(
            f"teacher: expected all weights in {folder / WEIGHTS}, got none of {missing[0]} and "
            f"{len(missing) - 1} more"
        )
    return Published(network.float())


KINDS: dict[str, Callable[[Path, Mapping[str, Any]], nn.Module]] = {
    "network": _load_own,
    "architectures": _load_published,
}
"""Key that only configurations of this kind have -> loader."""
