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
    """Return the scores of every class and method, also normalised over all methods.

    Args:
        runs: File -> function that loads the scores of images.

    Returns:
        One row per class and method, with means over the images of all seeds.

    Raises:
        ValueError: If there are no scores, or if they are from different feature spaces.

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
    """Return a table of diversity and one of representativeness: rows are classes, columns methods.

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
    """Compute one t-SNE plane of a class, with its real images and the images of all methods.

    Args:
        benchmark: The classes.
        latents: wnid -> latents of the real images (N, C, h, w), scaled.
        prior: Weights of the model; its autoencoder computes the features.
        images: method -> function that loads wnid -> images (ipc, 3, H, W), uint8.
        methods: All configured methods, in the order of the panels.
        class_name: Name of the class; None for the first class.
        config: Settings of t-SNE.
        autoencoder: Configuration of the autoencoder.

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
    """Return the median time and the peak memory of every stage, per method.

    Medians over seeds are robust against runs that were paused or had to wait.

    Args:
        stages: File -> function that loads the costs of a run's stages before its evaluation.
        runs: File -> function that loads result rows of trainings.
        evaluation: Protocol and length of the trainings to count.
        networks: Names of networks; trainings of the first one count.

    Returns:
        `method`, `stage`, `seconds` and `peak_memory_mb`. The last stage of a method is one
        training, if there is any; its memory is unknown.

    Raises:
        ValueError: If there is no run.
    """
    before = _rows_of(stages, "distill")
    # Tables of an older version lack the memory.
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
        raise ValueError(
            f"expected runs of at least one method, found none; run {needed} first, with the same "
            "--env and --params"
        )
    return rows


def _together(runs: Tables) -> pd.DataFrame:
    found = [load() for load in runs.values()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _refuse_mixed(scores: pd.DataFrame) -> None:
    """Check that all scores are from one feature space; rows without the column are of latents.

    Raises:
        ValueError: If there are several feature spaces.
    """
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
