"""Checks of what is to be shown."""

from __future__ import annotations

from mgd3_kedro.pipelines.report_methods.drawing import check_shown
from mgd3_kedro.preflight.inputs import Inputs


def check_class_name(inputs: Inputs) -> None:
    """Refuse a class that there is not.

    Raises:
        ValueError: Listing those that there are.
    """
    inputs["benchmark"].named(inputs["params:class_name"])


def check_shown_methods(inputs: Inputs) -> None:
    """Refuse methods that are unknown; whether they have images shows when all is made.

    Raises:
        ValueError: Naming the first.
    """
    check_shown(inputs["params:methods"], inputs["params:shown_methods"])
