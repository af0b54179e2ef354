"""The ways to make a distilled image: draw it from a backbone, keep a real one, optimise pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mgd3_kedro.checks import lookup
from mgd3_kedro.pipelines.guided_generate.plan import Common, Plan
from mgd3_kedro.pipelines.guided_generate.procedures.crops import plan_crops
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import plan_denoising
from mgd3_kedro.pipelines.guided_generate.procedures.distributions import plan_distributions
from mgd3_kedro.pipelines.guided_generate.procedures.fine_tuning import plan_fine_tuning
from mgd3_kedro.pipelines.guided_generate.procedures.gradients import plan_gradients
from mgd3_kedro.pipelines.guided_generate.procedures.inversion import plan_inversion
from mgd3_kedro.pipelines.guided_generate.procedures.selection import plan_selection


def plan_method(method: str, methods: Mapping[str, Mapping[str, Any]], common: Common) -> Plan:
    """Resolve a method: its procedure, and its settings over the common ones.

    Args:
        method: The method's name.
        methods: Name -> procedure and settings, as configured.
        common: What all methods share.

    Raises:
        ValueError: If the method or its procedure is unknown, or a setting is unknown, missing or
            does not fit; the message names the method.

    Source: MGD3 (arXiv 2505.18963), Table 1: its rows as points on two axes.
    """
    settings = dict(lookup(methods, method, "method") or {})
    procedure = lookup(PROCEDURES, settings.pop("procedure", ""), f"procedure of method {method}")
    try:
        return procedure(settings, common)
    except ValueError as error:
        raise ValueError(f"methods.{method}: {error}") from error


PROCEDURES: dict[str, Callable[[Mapping[str, Any], Common], Plan]] = {
    "cut_crops": plan_crops,
    "denoise": plan_denoising,
    "fine_tune": plan_fine_tuning,
    "invert_teacher": plan_inversion,
    "match_distribution": plan_distributions,
    "match_gradients": plan_gradients,
    "select": plan_selection,
}
"""Name -> (settings of a method, what all methods share) -> plan."""
