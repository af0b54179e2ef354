"""Nodes that draw the distilled images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.figures import draw_contact_sheet
from mgd3_kedro.figures.labels import note_selection, title_images
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.stages import Partition

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET_COLUMNS = 20
SHEET_ROWS = 20


def draw_distilled_images(
    benchmark: Benchmark,
    distilled_images: Mapping[str, Partition],
    method: str,
    settings: str,
    distillation: DistillationConfig,
) -> Image:
    """Draw a contact sheet of the first images of the first classes; its title has the settings.

    Args:
        benchmark: The classes.
        distilled_images: wnid -> images (M, 3, H, W), uint8.
        method: Name of the method that made them.
        settings: Settings that differ from the environment's, as `name=value` words.
        distillation: Images per class and seed.
    """
    specs = benchmark.classes[:SHEET_ROWS]
    images = {
        spec.wnid: distilled_images[spec.wnid].load()[:SHEET_COLUMNS].permute(0, 2, 3, 1).numpy()
        for spec in specs
    }
    names = {spec.wnid: spec.class_name for spec in specs}
    most = max(distilled_images[spec.wnid].count for spec in specs)
    told = (
        settings,
        note_selection(SHEET_ROWS, len(benchmark.classes), "classes"),
        note_selection(SHEET_COLUMNS, most, "images of a class"),
    )
    about = title_images(benchmark.name, distillation.ipc, method, [distillation.seed])
    return draw_contact_sheet(images, names, title=", ".join(filter(None, (about, *told))))
