"""Configuration of an export, and credits of its origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgd3_kedro.checks import check_count, check_flag, lookup
from mgd3_kedro.pipelines.export.places import last_name
from mgd3_kedro.priors import licence_of
from mgd3_kedro.stages import neutral

NOT_STATED = "not stated: ask the provider before you share this set"


@dataclass(frozen=True)
class ExportConfig:
    """Configuration of an export.

    Args:
        form: Form of the images: a folder per class, or one file.
        ipc: Number of images of each class, the first ones; None for all.
        soft_labels: Whether to add the logits of a teacher for every image.
        push: Id of the data set on the Hugging Face hub to upload to; None: no upload.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    form: str
    ipc: int | None
    soft_labels: bool
    push: str | None = neutral()

    def __post_init__(self) -> None:
        check_flag("soft_labels", self.soft_labels)
        if self.ipc is not None:
            check_count("export.ipc", self.ipc)


@dataclass(frozen=True)
class Credit:
    """Credit of a data set or model that a set was made from.

    Args:
        name: Its name.
        licence: Its licence.
        url: Its address; empty if there is none.
    """

    name: str
    licence: str
    url: str = ""

    def __str__(self) -> str:
        """Return one line for the card."""
        return f"{self.name}{f' ({self.url})' if self.url else ''}. Licence: {self.licence}."


def source_of(source: str, sources: Mapping[str, Mapping[str, Any]]) -> Credit:
    """Return the credit of the real images.

    Args:
        source: A name of `sources`.
        sources: Name -> `name`, `url` and `licence`, the last two None if unknown.

    Raises:
        ValueError: If the name is unknown.
    """
    known = lookup(sources, source, "source")
    return Credit(known["name"], known["licence"] or NOT_STATED, known["url"] or "")


def prior_of(
    model: str, folder: str, backbone: str, backbones: Mapping[str, Mapping[str, Any]]
) -> Credit:
    """Return the credit of the model that images were sampled from.

    Args:
        model: Configured folder or id of the model.
        folder: Folder of the model; need not exist.
        backbone: A name of `backbones`.
        backbones: Name -> `family`, default `model` and its `licence`.
    """
    known = backbones[backbone]
    configured = known["licence"] if model == known["model"] else None
    licence = licence_of(Path(folder)) or configured or NOT_STATED
    return Credit(f"`{last_name(model)}`, a model of the family {known['family']}", licence)
