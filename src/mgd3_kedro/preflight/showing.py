"""Checks of the pipelines that show images."""

from __future__ import annotations

from mgd3_kedro.pipelines.report_methods.drawing import check_shown
from mgd3_kedro.preflight.inputs import Inputs


def check_class_name(inputs: Inputs) -> None:
    """Refuse an unknown class.

    Raises:
        ValueError: If it is unknown; the message lists the known ones.
    """
    inputs["benchmark"].named(inputs["params:class_name"])


def check_shown_methods(inputs: Inputs) -> None:
    """Refuse unknown methods; whether they have images is checked later.

    Raises:
        ValueError: If a method is unknown; the message names the first one.
    """
    check_shown(inputs["params:methods"], inputs["params:shown_methods"])
