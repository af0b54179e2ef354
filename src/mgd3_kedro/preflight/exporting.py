"""Checks of an exported set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mgd3_kedro.checks import lookup
from mgd3_kedro.coresets import IN_ORDER
from mgd3_kedro.datasets.exported_set import FORMS
from mgd3_kedro.datasets.hub_upload import check_upload
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.modes import NESTING
from mgd3_kedro.preflight.inputs import Inputs
from mgd3_kedro.preflight.networks import matched_teacher
from mgd3_kedro.stages import GIVEN


def check_export(inputs: Inputs) -> None:
    """Refuse an unknown form or source of an exported set, and an upload that cannot start.

    Raises:
        ValueError: If a setting does not fit; the message names it.
    """
    config = inputs["params:export"]
    lookup(FORMS, config.form, "form of an exported set")
    lookup(inputs["params:sources"], inputs["params:source"], "source")
    if config.push is not None:
        check_upload(config.push)


def check_cut(inputs: Inputs) -> None:
    """Refuse to export the first images of each class if they do not represent the class.

    If clusters nest, the modes of the first k images lie one each in the k clusters that the mode
    finder would find for k images. Some coresets pick images in order, so that the first k are
    those that they would pick for k images.

    Raises:
        ValueError: If there are fewer images, or the first ones may leave out parts of a class; the
            message says what to do.
    """
    ipc = inputs["params:export"].ipc
    if ipc is None:
        return
    images = inputs["evaluated_images"].values()
    most = max(partition.count for partition in images)
    if ipc > most:
        raise ValueError(
            f"export.ipc: expected 1..{most}, the number of images per class, got {ipc}"
        )
    # Images that this project did not make have no rows.
    rows = [row for partition in images for row in partition.rows] or [{}]
    if ipc < most and not all(map(_is_in_order, rows)):
        makers = {str(row.get("coreset") or row.get("mode_finder") or "neither") for row in rows}
        is_given = any(partition.configuration == GIVEN for partition in images)
        raise ValueError(
            "export.ipc: expected images from a mode finder with nested clusters "
            f"({', '.join(sorted(NESTING))}) or a coreset that picks in order "
            f"({', '.join(sorted(IN_ORDER))}), got images from {', '.join(sorted(makers))}, whose "
            f"first {ipc} images may leave out parts of the class; "
            + (
                f"export a folder with {ipc} images per class, or leave export.ipc out"
                if is_given
                else f"distil with --params ipc={ipc}"
            )
        )


def _is_in_order(row: Mapping[str, Any]) -> bool:
    """Tell whether an image and those before it represent its class, by its provenance."""
    return row.get("mode_finder") in NESTING or row.get("coreset") in IN_ORDER


def check_asked_teacher(inputs: Inputs) -> None:
    """Refuse a teacher that is missing or does not know the classes.

    Raises:
        ValueError: If the teacher does not fit; the message says why.
    """
    benchmark = inputs["benchmark"]
    size = side_of(inputs["params:evaluation.image_size"], benchmark.image_size)
    load_teacher(matched_teacher(inputs), benchmark.classes, size)
