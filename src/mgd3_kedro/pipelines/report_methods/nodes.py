"""Nodes that report on all methods with the same number of images per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.evaluation.settings import EvaluationConfig
from mgd3_kedro.metrics import SAMPLE_SCORES, AnalysisConfig, project_jointly
from mgd3_kedro.metrics.comparison import find_finished
from mgd3_kedro.metrics.normalisation import normalise_scores
from mgd3_kedro.metrics.tabulation import tabulate_diversity
from mgd3_kedro.pipelines.report_methods.drawing import load_images
from mgd3_kedro.stages import Partition

Tables = Mapping[str, Callable[[], pd.DataFrame]]
Images = Mapping[str, Callable[[], Mapping[str, Partition]]]

CLASS_KEYS = ["method", "wnid", "class_name"]
EVALUATION = "train_eval"


def score_methods(runs: Tables) -> pd.DataFrame:
    """Return the scores of every class and method, and the same normalised over all methods.

    Args:
        runs: File -> loads the scores of its images.

    Returns:
        One row per class and method: means over its images of all seeds.

    Raises:
        ValueError: If there are none, or they are scored in different spaces.

    Source: MGD3 (arXiv 2505.18963), Figures 3 and 6, Table 9.
    """
    images = _rows_of(runs, "distill, or analyze_diversity")
    _refuse_mixed(images)
    normalised = normalise_scores(images)
    measures = [f"{name}{end}" for name in SAMPLE_SCORES for end in ("", "_normalised")]
    means = normalised.groupby(CLASS_KEYS, sort=False)[measures].mean()
    number = normalised.groupby(CLASS_KEYS, sort=False).size().rename("images")
    return means.join(number).reset_index()


def tabulate_scores(method_scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return diversity and representativeness: classes as lines, methods as columns.

    Source: MGD3 (arXiv 2505.18963), Table 9.
    """
    return (
        tabulate_diversity(method_scores, "diversity"),
        tabulate_diversity(method_scores, "representativeness"),
    )


def place_methods(
    benchmark: Benchmark,
    latents: Mapping[str, Partition],
    prior: Partition,
    images: Images,
    methods: dict[str, Any],
    class_name: str | None,
    config: AnalysisConfig,
    autoencoder: AutoencoderConfig,
) -> dict[str, Any]:
    """Place the images of all methods among the real ones of a class, in one plane of t-SNE.

    Args:
        benchmark: The classes.
        latents: wnid -> latents of the real images (N, C, h, w), scaled.
        prior: The weights, whose autoencoder gives the features.
        images: method -> loads wnid -> images (ipc, 3, H, W), uint8.
        methods: All that are configured, in the order of the panels.
        class_name: Which class, by its name; None for the first.
        config: Settings of t-SNE.
        autoencoder: How the images are encoded.

    Returns:
        `class_name`; `real`, (N, 2); `methods`, name -> (ipc, 2).

    Raises:
        ValueError: If there is no such class, or no method has images.

    Source: MGD3 (arXiv 2505.18963), Figure 3.
    """
    spec = benchmark.named(class_name)
    encoder = load_autoencoder(prior.load(), autoencoder)
    size = benchmark.image_size
    features = {
        method: encoder.encode(fit_images(of[spec.wnid].load(), size, size)).flatten(1).numpy()
        for method, of in load_images(images, methods).items()
    }
    real, planes = project_jointly(
        latents[spec.wnid].load()["latents"].flatten(1).numpy(),
        features,
        config,
    )
    placed = {method: plane.tolist() for method, plane in planes.items()}
    return {"class_name": spec.class_name, "real": real.tolist(), "methods": placed}


def tabulate_costs(
    stages: Tables, runs: Tables, evaluation: EvaluationConfig, networks: list[str]
) -> pd.DataFrame:
    """Return the seconds of every stage of every method, and the most memory that it took.

    Seconds are medians over seeds: a run that had to wait, or was stopped for a while, is none.

    Args:
        stages: File -> loads the stages of a run before its evaluation.
        runs: File -> loads the rows of trainings.
        evaluation: Whose protocol and length the trainings that count have.
        networks: The first of which they train.

    Returns:
        `method`, `stage`, `seconds` and `peak_memory_mb`; the last stage is one training, where
        there is one, of whose memory nothing is known.

    Raises:
        ValueError: If there is no run.
    """
    before = _rows_of(stages, "distill")
    # What an earlier version wrote says nothing of memory.
    before = before.reindex(columns=["method", "stage", "seconds", "peak_memory_mb"])
    stages_of = before.groupby(["method", "stage"], sort=False)
    costs = stages_of.agg({"seconds": "median", "peak_memory_mb": "max"}).reset_index()
    rows = _together(runs)
    if not rows.empty:
        counted = rows[find_finished(rows) & rows["method"].isin(set(costs["method"]))]
        asked = {
            "protocol": evaluation.protocol,
            "preset": evaluation.length,
            "network": networks[0],
        }
        for column, value in asked.items():
            counted = counted[counted[column] == value]
        seconds = counted.groupby("method", sort=False)["seconds"].median().reset_index()
        costs = pd.concat([costs, seconds.assign(stage=EVALUATION)], ignore_index=True)
    return costs[["method", "stage", "seconds", "peak_memory_mb"]]


def _rows_of(runs: Tables, needed: str) -> pd.DataFrame:
    rows = _together(runs)
    if rows.empty:
        raise ValueError(f"expected runs of at least one method, found none; run {needed} first")
    return rows


def _together(runs: Tables) -> pd.DataFrame:
    found = [load() for load in runs.values()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _refuse_mixed(scores: pd.DataFrame) -> None:
    """Refuse scores in different spaces; those that do not say theirs are of latents."""
    spaces = scores.reindex(columns=["method", "features"]).astype(object).fillna("latents")
    if spaces["features"].nunique() > 1:
        told = " and ".join(
            f"{', '.join(sorted(set(part['method'])))} by {space}"
            for space, part in spaces.groupby("features")
        )
        raise ValueError(
            f"expected all methods scored in one space, got {told}; run them and this with "
            "--params analysis.features=latents, or =pixels"
        )
