"""Report sections on diversity, representativeness and t-SNE planes of a run's images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.metrics.analysis import DRAWN_CLASSES
from mgd3_kedro.pipelines.report.gallery import card_id
from mgd3_kedro.pipelines.report.settings import ReportConfig
from mgd3_kedro.report import Section, missing
from mgd3_kedro.report.charts import chart_points
from mgd3_kedro.report.class_charts import chart_planes
from mgd3_kedro.report.wording import how_to
from mgd3_kedro.stages import Partition

if TYPE_CHECKING:
    import pandas as pd

DIVERSITY_KEY, DIVERSITY_TITLE = "diversity", "Diversity and representativeness"
PLANE_KEY, PLANE_TITLE = "plane", "t-SNE"
NOT_THERE = f"The images of this run are not analysed yet. {how_to('analyse them')}"
SHOWN_REAL = 1500
LABELLED = 20
"""Largest number of classes whose names are shown beside their points."""


def show_diversity(diversity_scores: pd.DataFrame | None, method: str) -> Section:
    """Return a section with a chart of representativeness against diversity, one point per class.

    Args:
        diversity_scores: One row per class; None if there are none.
        method: Name of the method that made the images.

    Source: MGD3 (arXiv 2505.18963), Figures 3 and 6.
    """
    if diversity_scores is None:
        return missing(DIVERSITY_KEY, DIVERSITY_TITLE, NOT_THERE)
    known = diversity_scores.dropna(subset=["diversity", "representativeness"])
    if known.empty:
        return missing(
            DIVERSITY_KEY,
            DIVERSITY_TITLE,
            "With one image per class there is no distance to another image.",
        )
    points = [
        {"name": name, "x": x, "y": y}
        for name, x, y in zip(
            known["class_name"], known["diversity"], known["representativeness"], strict=True
        )
    ]
    mean = {
        "name": "mean of all classes",
        "x": known["diversity"].mean(),
        "y": known["representativeness"].mean(),
        "large": True,
    }
    space = known["features"].iloc[0] if "features" in known else "latents"
    chart = chart_points(
        {method: [*points, mean]},
        "diversity: distance to the nearest other image",
        "distance to the 50 nearest real images",
        reversed_y=True,
        labelled=len(points) <= LABELLED,
    )
    lead = (
        f"A point per class, the large one is their mean; distances of {space}. Further right: "
        "images of a class differ more. Further up: they are nearer to real images."
    )
    return Section(DIVERSITY_KEY, DIVERSITY_TITLE, lead, {"trade_off": chart})


def show_planes(
    benchmark: Benchmark,
    analysis: Mapping[str, Partition] | None,
    method: str,
    report: ReportConfig,
) -> Section:
    """Return a section with t-SNE planes of real and distilled images, one plane per class.

    Args:
        benchmark: The classes.
        analysis: wnid -> positions of real and distilled images in the plane.
        method: Name of the method that made the images.
        report: Configuration of the report, with the number of images on the page.

    Source: MGD3 (arXiv 2505.18963), Figure 3.
    """
    if analysis is None:
        return missing(PLANE_KEY, PLANE_TITLE, NOT_THERE)
    specs = benchmark.classes[: min(DRAWN_CLASSES, report.classes)]
    planes, names = {}, []
    for spec in specs:
        value = analysis[spec.wnid].load()
        made = np.asarray(value["synthetic"])[: report.images]
        ids = [card_id(spec.label, image) for image in range(len(made))]
        planes[spec.wnid] = {"real": value["real"][:SHOWN_REAL], "made": made, "ids": ids}
        names.append(spec.class_name)
    hidden = len(benchmark.classes) - len(specs)
    return Section(
        PLANE_KEY,
        PLANE_TITLE,
        "Real and distilled images of a class, near each other where their features are alike. "
        "Point at a distilled one to see it.",
        {"plane": chart_planes(planes, method), "names": names},
        f"A selection: the first {len(specs)} of {len(benchmark.classes):,} classes."
        if hidden > 0
        else "",
    )
