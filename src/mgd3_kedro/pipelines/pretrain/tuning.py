"""Which guidance scale a prior is sampled at: the one whose samples teach a network most."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checkpoint import Checkpoint, digest_of, name_checkpoint
from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.evaluation import (
    NETWORKS,
    EvaluationConfig,
    LabelledSet,
    train_network,
)
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.pipelines.pretrain.drawing import draw_unguided
from mgd3_kedro.pipelines.pretrain.images import as_shipped, fitted
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.denoiser import DenoiserConfig
from mgd3_kedro.training.loop import Trained

logger = logging.getLogger(__name__)

SEEDS = (0, 1)
"""Of the networks that are trained on the samples of a scale."""
TESTED_PER_CLASS = 100
"""Train images of a class, at most, that these networks are tested on."""


@dataclass(frozen=True)
class TuningConfig:
    """How the guidance scale of a prior is chosen.

    Args:
        guidance_scales: Those that are tried.
        samples_per_class: Samples that a network is trained on.
        network: A name of `NETWORKS`.
        epochs: Length of its training.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    guidance_scales: Sequence[float]
    samples_per_class: int
    network: str
    epochs: int

    def __post_init__(self) -> None:
        scales = self.guidance_scales
        if isinstance(scales, str) or not scales or len(set(scales)) < len(scales):
            raise ValueError(f"guidance_scales: expected different numbers, got {scales!r}")
        for scale in scales:
            check_range("guidance_scales", scale, 0)
        check_count("samples_per_class", self.samples_per_class)
        lookup(NETWORKS, self.network, "network")
        check_count("epochs", self.epochs)

    def schooling(self, evaluation: EvaluationConfig) -> EvaluationConfig:
        """Return the settings of a training, from those of evaluations."""
        return replace(evaluation, protocol="hard", epochs=self.epochs, validations=1)


def tune_guidance(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    autoencoder: Trained,
    denoiser: Trained,
    checkpoints: Path,
    denoiser_config: DenoiserConfig,
    diffusion: BackboneConfig,
    evaluation: EvaluationConfig,
    config: TuningConfig,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Choose the guidance scale by what networks learn from unguided samples.

    They are tested on images of the train split: the prior has seen these, the networks have not,
    and test images are left for what is measured later. All scales start from the same noise.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        autoencoder: Decodes the samples.
        denoiser: Draws them.
        checkpoints: Folder for interrupted trainings.
        denoiser_config: Says what the denoiser predicts.
        diffusion: How samples are drawn, apart from the guidance scale.
        evaluation: How networks are trained, where the tuning has no settings of its own.
        config: The scales, and the trainings.

    Returns:
        Columns guidance_scale, seed, top1_last (percent); the settings of `diffusion` that were
        chosen.
    """
    schooling = config.schooling(evaluation)
    size = schooling.side_of(benchmark.image_size)
    decoder = LatentAutoencoder(as_shipped(autoencoder.model), benchmark.image_size)
    test = fitted(_some_of_each(benchmark, train_images), size)
    code = code_digest(train_network, (schooling, config.network))
    rows = []
    for scale in map(float, config.guidance_scales):
        drawn = draw_unguided(
            benchmark,
            denoiser,
            denoiser_config,
            replace(diffusion, guidance_scale=scale),
            config.samples_per_class,
        )
        samples = LabelledSet.of_classes([decoder.decode(drawn[w]) for w in benchmark.wnids])
        data = fitted(samples, size)
        for seed in SEEDS:
            made_by = (schooling, config.network, code, seed)
            identity = digest_of(*made_by, data.images, test.images)
            name = f"tuning at {scale:g}, seed {seed}"
            result = train_network(
                data,
                test,
                network=config.network,
                ipc=config.samples_per_class,
                config=schooling,
                seed=seed,
                checkpoint=Checkpoint(name_checkpoint(checkpoints, "tuning", identity), identity),
                progress=ProgressLog(name),
            )
            logger.info("%s: top-1 %.1f %% on train images", name, result.top1_last)
            rows.append({"guidance_scale": scale, "seed": seed, "top1_last": result.top1_last})
    table = pd.DataFrame(rows)
    return table, {"guidance_scale": best_scale(table)}


def best_scale(table: pd.DataFrame) -> float:
    """Return the guidance scale with the highest mean accuracy, the lowest of equal ones.

    Args:
        table: What `tune_guidance` gives.
    """
    means = table.groupby("guidance_scale")["top1_last"].mean()
    return float(means[means == means.max()].index.to_numpy()[0])


def _some_of_each(benchmark: Benchmark, images: Mapping[str, Partition]) -> LabelledSet:
    """Return images spread over each class."""
    some: list[torch.Tensor] = []
    for wnid in benchmark.wnids:
        of_class = images[wnid].load()[:]
        count = min(len(of_class), TESTED_PER_CLASS)
        some.append(of_class[torch.arange(count) * len(of_class) // count])
    return LabelledSet.of_classes(some)
