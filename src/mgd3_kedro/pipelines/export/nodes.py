"""Nodes that export a set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.exported import ExportedClass, ExportedSet
from mgd3_kedro.pipelines.export.card import Facts, write_card
from mgd3_kedro.pipelines.export.places import without_folders
from mgd3_kedro.pipelines.export.settings import NOT_STATED, ExportConfig, prior_of, source_of
from mgd3_kedro.sampling.drift_settings import options_of_scales
from mgd3_kedro.stages import Partition

logger = logging.getLogger(__name__)

OF_CLASSES = ("label", "wnid", "class_index", "class_name", "image")
"""Facts about an image that the export stores with its class."""


def assemble_export(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    method: str,
    settings: str,
    config: ExportConfig,
    source: str,
    sources: Mapping[str, Mapping[str, Any]],
    rows: Mapping[str, Callable[[], Any]],
    model: str | None = None,
    prior_folder: str = "",
    backbone: str = "",
    backbones: Mapping[str, Mapping[str, Any]] | None = None,
    exported_logits: Mapping[str, Partition] | None = None,
) -> ExportedSet:
    """Assemble a set and its card; images are loaded later, when they are written.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (N, 3, H, W), uint8, with a row of facts for each image
            if this project made them.
        method: Name of the method that made them.
        settings: Settings that differ from the environment's, as `name=value` words.
        config: Configuration of the export.
        source: Source of the real images, a name of `sources`.
        sources: Name -> `name`, `url` and `licence` of a source.
        rows: File -> function that loads result rows of trainings on these images; may be empty.
        model: Folder or id of the model that the images were sampled from; None if there is none.
        prior_folder: Folder of that model; need not exist.
        backbone: A name of `backbones`.
        backbones: Name -> configuration of a backbone.
        exported_logits: wnid -> a teacher's logits of the images; None without soft labels.

    Raises:
        ValueError: If the source is unknown.
    """
    counts = {wnid: evaluated_images[wnid].count for wnid in benchmark.wnids}
    facts_of = {wnid: evaluated_images[wnid].rows for wnid in benchmark.wnids}
    if config.ipc is not None:
        counts = {wnid: min(count, config.ipc) for wnid, count in counts.items()}
    same = _same_everywhere([row for facts in facts_of.values() for row in facts])
    classes = tuple(
        ExportedClass(
            spec,
            evaluated_images[spec.wnid],
            [
                {key: value for key, value in row.items() if key not in {*same, *OF_CLASSES}}
                for row in (facts_of[spec.wnid] or [{}] * counts[spec.wnid])[: counts[spec.wnid]]
            ],
            exported_logits[spec.wnid] if exported_logits else None,
        )
        for spec in benchmark.classes
    )
    first = evaluated_images[benchmark.wnids[0]]
    facts = Facts(
        benchmark=benchmark,
        counts=counts,
        image_size=tuple(first.load().shape[-2:]),
        method=method,
        settings={**({"settings": settings} if settings else {}), **_in_use(same)},
        source=source_of(source, sources),
        prior=prior_of(model, prior_folder, backbone, backbones) if model and backbones else None,
        rows=[load() for load in rows.values()] if config.ipc is None else [],
        made_with={"command": without_folders(first.command), "environment": first.environment},
        config=config,
    )
    for origin in filter(None, (facts.source, facts.prior)):
        if origin.licence == NOT_STATED:
            logger.warning("the card says that the licence of %s is not stated", origin.name)
    return ExportedSet(write_card(facts), classes)


def _same_everywhere(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts that have the same value for all images."""
    first = rows[0] if rows else {}
    return {
        key: value
        for key, value in first.items()
        if key not in OF_CLASSES and all(row.get(key) == value for row in rows)
    }


def _in_use(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that have a value, without those of drifts with scale 0."""
    off = {
        name
        for scale, options in options_of_scales().items()
        if settings.get(scale) == 0
        for name in (scale, *options)
    }
    return {
        name: value for name, value in settings.items() if name not in off and value is not None
    }
