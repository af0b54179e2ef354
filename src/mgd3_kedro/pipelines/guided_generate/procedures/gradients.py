"""Images that give a network the gradients of their class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mgd3_kedro.balance import allot_images
from mgd3_kedro.matching.idc import decode, match_gradients
from mgd3_kedro.matching.idc_settings import IdcConfig
from mgd3_kedro.matching.mosaics import check_divisible
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

SOURCES: tuple[Source, ...] = ("classes",)


def needs_of_gradients(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return what images that have the gradients of their class are made from."""
    return Needs.of(SOURCES, ("device",))


def plan_gradients(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan images that have the gradients of their class; all classes together.

    Source: IDC (arXiv 2205.14959).
    """
    config = build_settings(IdcConfig, settings, device=common.part("device"))
    check_divisible(common.image_size, config.factor)
    try_network(config.network, len(common.classes), common.image_size)
    return GenerationPlan(
        match_all_classes,
        MethodSettings(config, common.distillation),
        SOURCES,
        group_size=None,
        real_each=config.factor**2,
    )


def match_all_classes(batch: Mapping[str, Task], settings: MethodSettings) -> dict[str, Made]:
    """Optimise the images of all classes, and keep those that are asked for.

    A network learns from all classes, so that one alone would have other images.

    Source: IDC (arXiv 2205.14959), Algorithm 1.
    """
    config, wanted = settings.config, settings.distillation
    real = [partition.load() for partition in next(iter(batch.values())).inputs["classes"]]
    # Of all classes, also of those that are not in the batch.
    sizes = {str(label): len(images) for label, images in enumerate(real)}
    counts = [*allot_images(sizes, wanted.ipc, wanted.balance, config.factor**2).values()]
    found = match_gradients(real, counts, config, settings.generator())
    of_classes = found.images.split(counts)
    made = {}
    for wnid, task in batch.items():
        spec = task.about.spec
        shown = decode(of_classes[spec.label].float(), config.factor).round().to(torch.uint8)
        made[wnid] = describe_made(shown, spec, settings, found.losses)
    return made
