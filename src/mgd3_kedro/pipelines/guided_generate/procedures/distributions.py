"""Images that have the embeddings of their class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.matching.dm import DmConfig, match_distribution
from mgd3_kedro.pipelines.guided_generate.plan import Common, Plan, build_settings
from mgd3_kedro.pipelines.guided_generate.procedures.pixels import FACTS, Making, try_network
from mgd3_kedro.stages import LoadedTask, Made


@dataclass(frozen=True)
class MatchingDistributions:
    """Settings of images that have the embeddings of their class.

    Args:
        config: How images are optimised.
        making: What images are wanted.
    """

    config: DmConfig
    making: Making


def plan_distributions(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan images that have the embeddings of their class.

    Source: DM (arXiv 2110.04181).
    """
    config = build_settings(DmConfig, settings, device=common.device)
    try_network(config.network, 1, common.image_size)
    matching = MatchingDistributions(config, Making.of(common))
    return Plan(match_classes, matching, (*FACTS, "images"))


def match_classes(
    batch: Mapping[str, LoadedTask], settings: MatchingDistributions
) -> dict[str, Made]:
    """Optimise the images of every class.

    Source: DM (arXiv 2110.04181), Algorithm 1.
    """
    config, making = settings.config, settings.making
    made = {}
    for wnid, task in batch.items():
        *facts, images = task.inputs
        generator = making.generator(task.about.class_index)
        found = match_distribution(images, making.distillation.ipc, config, generator)
        made[wnid] = making.describe(found.images, task.about, facts, config, found.losses)
    return made
