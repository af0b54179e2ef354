"""Images optimised by distribution matching (DM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mgd3_kedro.checks import naming
from mgd3_kedro.matching.dm import DmConfig, match_distribution
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    GenerationPlan,
    Needs,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.pixels import describe_made, try_network
from mgd3_kedro.pipelines.guided_generate.procedures.settings import MethodSettings
from mgd3_kedro.stages import Made, Task

SOURCES: tuple[Source, ...] = ("images",)


def needs_of_distributions(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of distribution matching."""
    return Needs.of(SOURCES, ("device",))


def plan_distributions(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan images whose mean embedding matches that of the real images of their class.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.

    Source: DM (arXiv 2110.04181).
    """
    config = build_settings(DmConfig, settings, device=common.part("device"))
    try_network(config.network, 1, common.image_size)
    return GenerationPlan(
        match_classes, MethodSettings(config, common.distillation), SOURCES, real_each=1
    )


def match_classes(batch: Mapping[str, Task], settings: MethodSettings) -> dict[str, Made]:
    """Optimise the images of every class by distribution matching.

    Source: DM (arXiv 2110.04181), Algorithm 1.
    """
    made = {}
    for wnid, task in batch.items():
        spec, count = task.about.spec, task.about.images
        generator = settings.generator(*task.about.key)
        with naming(f"class {wnid}"):
            found = match_distribution(task.inputs["images"], count, settings.config, generator)
        made[wnid] = describe_made(found.images, spec, settings, found.losses)
    return made
