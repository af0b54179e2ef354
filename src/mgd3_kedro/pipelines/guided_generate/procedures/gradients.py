"""Images optimised by gradient matching (IDC)."""

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
    """Return the inputs of gradient matching."""
    return Needs.of(SOURCES, ("device",))


def plan_gradients(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan images whose gradients match those of real images; all classes are made together.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.

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
    """Optimise the images of all classes, and return those of the batch.

    The network is trained on all classes. Therefore the images of a class depend on all classes.

    Source: IDC (arXiv 2205.14959), Algorithm 1.
    """
    config, wanted = settings.config, settings.distillation
    real = [partition.load() for partition in next(iter(batch.values())).inputs["classes"]]
    # All classes, also those that are not in the batch.
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
