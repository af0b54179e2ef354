"""Images that give a network the gradients of their class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from mgd3_kedro.matching.idc import IdcConfig, decode, match_gradients
from mgd3_kedro.matching.mosaics import check_divisible
from mgd3_kedro.pipelines.guided_generate.plan import Common, Plan, build_settings
from mgd3_kedro.pipelines.guided_generate.procedures.pixels import FACTS, Making, try_network
from mgd3_kedro.stages import LoadedTask, Made


@dataclass(frozen=True)
class MatchingGradients:
    """Settings of images that give a network the gradients of their class.

    Args:
        config: How images are optimised.
        making: What images are wanted.
    """

    config: IdcConfig
    making: Making


def plan_gradients(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan images that have the gradients of their class; all classes together.

    Source: IDC (arXiv 2205.14959).
    """
    config = build_settings(IdcConfig, settings, device=common.device)
    check_divisible(common.image_size, config.factor)
    try_network(config.network, len(common.classes), common.image_size)
    matching = MatchingGradients(config, Making.of(common))
    return Plan(match_all_classes, matching, (*FACTS, "classes"), group_size=None)


def match_all_classes(
    batch: Mapping[str, LoadedTask], settings: MatchingGradients
) -> dict[str, Made]:
    """Optimise the images of all classes, and keep those that are asked for.

    A network learns from all classes, so that one alone would have other images.

    Source: IDC (arXiv 2205.14959), Algorithm 1.
    """
    config, making = settings.config, settings.making
    real = [partition.load() for partition in next(iter(batch.values())).inputs[-1]]
    found = match_gradients(real, making.distillation.ipc, config, making.generator())
    made = {}
    for wnid, task in batch.items():
        *facts, _ = task.inputs
        images = found.images[task.about.label].float()
        shown = decode(images, config.factor).round().to(torch.uint8)
        made[wnid] = making.describe(shown, task.about, facts, config, found.losses)
    return made
