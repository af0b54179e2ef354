"""The procedures that make images: sample a backbone, select real images, or optimise pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mgd3_kedro.checks import lookup
from mgd3_kedro.named_settings import without_parameters
from mgd3_kedro.pipelines.guided_generate.plan import Common, GenerationPlan, Procedure
from mgd3_kedro.pipelines.guided_generate.procedures.crops import needs_of_crops, plan_crops
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import (
    needs_of_denoising,
    plan_denoising,
)
from mgd3_kedro.pipelines.guided_generate.procedures.distributions import (
    needs_of_distributions,
    plan_distributions,
)
from mgd3_kedro.pipelines.guided_generate.procedures.fine_tuning import (
    needs_of_fine_tuning,
    plan_fine_tuning,
)
from mgd3_kedro.pipelines.guided_generate.procedures.gradients import (
    needs_of_gradients,
    plan_gradients,
)
from mgd3_kedro.pipelines.guided_generate.procedures.groups import needs_of_groups, plan_groups
from mgd3_kedro.pipelines.guided_generate.procedures.increments import (
    needs_of_increments,
    plan_increments,
)
from mgd3_kedro.pipelines.guided_generate.procedures.inversion import (
    needs_of_inversion,
    plan_inversion,
)
from mgd3_kedro.pipelines.guided_generate.procedures.mixing import (
    needs_of_mixing,
    plan_mixing,
)
from mgd3_kedro.pipelines.guided_generate.procedures.selection import (
    needs_of_selection,
    plan_selection,
)


def plan_method(
    method: str, methods: Mapping[str, Mapping[str, Any]], common: Common
) -> GenerationPlan:
    """Return the plan of a method, from its procedure and its settings.

    Args:
        method: Name of the method.
        methods: Name -> configured procedure and settings.
        common: Settings that all methods share.

    Raises:
        ValueError: If the method or its procedure is unknown, or a setting is unknown, missing or
            invalid; the message names the method.

    Source: MGD3 (arXiv 2505.18963), Table 1: its rows as procedures with settings.
    """
    settings = without_parameters(lookup(methods, method, "method") or {})
    name = settings.pop("procedure", "")
    procedure = lookup(PROCEDURES, name, f"procedure of method {method}")
    try:
        return procedure.plan(settings, common)
    except ValueError as error:
        raise ValueError(f"methods.{method}: {error}") from error


PROCEDURES: dict[str, Procedure] = {
    "choose_groups": Procedure(plan_groups, needs_of_groups),
    "choose_increments": Procedure(plan_increments, needs_of_increments),
    "cut_crops": Procedure(plan_crops, needs_of_crops),
    "denoise": Procedure(plan_denoising, needs_of_denoising),
    "fine_tune": Procedure(plan_fine_tuning, needs_of_fine_tuning),
    "invert_teacher": Procedure(plan_inversion, needs_of_inversion),
    "match_distribution": Procedure(plan_distributions, needs_of_distributions),
    "match_gradients": Procedure(plan_gradients, needs_of_gradients),
    "mix": Procedure(plan_mixing, needs_of_mixing),
    "select": Procedure(plan_selection, needs_of_selection),
}
"""Name -> procedure."""
