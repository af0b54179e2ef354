"""The inputs that a method needs, derived from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mgd3_kedro.checks import lookup
from mgd3_kedro.named_settings import without_parameters
from mgd3_kedro.pipelines.guided_generate.plan import Needs
from mgd3_kedro.pipelines.guided_generate.procedures import PROCEDURES
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import NEEDS_OF_DRAWS

__all__ = ["NEEDS_OF_DRAWS", "Needs", "needs_of"]


def needs_of(method: str, parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs that a method needs.

    For an unknown method or invalid settings, this returns the needs of the procedure `denoise`;
    `plan_method` later raises the error.

    Args:
        method: Name of the method.
        parameters: All parameters, nested.
    """
    methods = parameters["methods"]
    if method not in methods:
        return NEEDS_OF_DRAWS
    return _needs_of(methods[method], parameters)._replace(settings=f"methods.{method}")


def _needs_of(configured: Any, parameters: Mapping[str, Any]) -> Needs:
    try:
        settings = without_parameters(dict(configured or {}))
        procedure = lookup(PROCEDURES, settings.pop("procedure", ""), "procedure")
        return procedure.needs(settings, parameters)
    except (TypeError, ValueError):
        return NEEDS_OF_DRAWS
