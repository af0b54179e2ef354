"""What is handed on, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgd3_kedro.checks import check_count, check_flag, lookup
from mgd3_kedro.pipelines.export.places import last_name
from mgd3_kedro.priors import licence_of
from mgd3_kedro.stages import neutral

NOT_STATED = "not stated: ask whoever gave it to you before you hand this on"


@dataclass(frozen=True)
class ExportConfig:
    """How a set is handed on.

    Args:
        form: Of the images: a folder per class, or one file.
        ipc: The first so many images of each class; None for all.
        soft_labels: Whether a teacher is asked about every image.
        push: Id of a data set on the Hugging Face hub that it is uploaded to; None: it is not.

    Raises:
        ValueError: Naming the setting that does not fit.
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
    """Something that a set is made from.

    Args:
        name: What it is called.
        licence: Of it.
        url: Where it is; empty if nowhere.
    """

    name: str
    licence: str
    url: str = ""

    def __str__(self) -> str:
        """Return one line for the card."""
        return f"{self.name}{f' ({self.url})' if self.url else ''}. Licence: {self.licence}."


def source_of(source: str, sources: Mapping[str, Mapping[str, Any]]) -> Credit:
    """Return where the real images come from.

    Args:
        source: A name of `sources`.
        sources: Name -> `name`, `url` and `licence`, null where unknown.

    Raises:
        ValueError: If the name is unknown.
    """
    known = lookup(sources, source, "source")
    return Credit(known["name"], known["licence"] or NOT_STATED, known["url"] or "")


def prior_of(
    model: str, folder: str, backbone: str, backbones: Mapping[str, Mapping[str, Any]]
) -> Credit:
    """Return the model that images were drawn from.

    Args:
        model: Its folder or id, as it is configured.
        folder: Its folder; need not exist.
        backbone: A name of `backbones`.
        backbones: Name -> what is configured: its family, the usual model, the licence of that.
    """
    known = backbones[backbone]
    configured = known["licence"] if model == known["model"] else None
    licence = licence_of(Path(folder)) or configured or NOT_STATED
    return Credit(f"`{last_name(model)}`, a model of the family {known['family']}", licence)
