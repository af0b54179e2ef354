"""Checks of a set that is handed on."""

from __future__ import annotations

from mgd3_kedro.checks import lookup
from mgd3_kedro.datasets.exported_set import FORMS
from mgd3_kedro.datasets.hub_upload import check_upload
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.preflight.inputs import Inputs
from mgd3_kedro.preflight.networks import numbered_teacher


def check_export(inputs: Inputs) -> None:
    """Refuse a form that there is not, a source that is unknown, and an upload that cannot begin.

    Raises:
        ValueError: Naming the setting.
    """
    config = inputs["params:export"]
    lookup(FORMS, config.form, "form of an exported set")
    lookup(inputs["params:sources"], inputs["params:source"], "source")
    if config.push is not None:
        check_upload(config.push)


def check_asked_teacher(inputs: Inputs) -> None:
    """Refuse a teacher that is not there, or does not know the classes.

    Raises:
        ValueError: Naming what does not fit.
    """
    benchmark = inputs["benchmark"]
    size = side_of(inputs["params:evaluation.image_size"], benchmark.image_size)
    load_teacher(numbered_teacher(inputs), benchmark.classes, size)
