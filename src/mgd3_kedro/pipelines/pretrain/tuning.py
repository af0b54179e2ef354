"""Choice of a prior's guidance scale, by the accuracy of networks trained on its samples."""

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
from mgd3_kedro.pipelines.pretrain.drawing import sample_without_modes
from mgd3_kedro.pipelines.pretrain.images import as_shipped, fitted
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.denoiser import DenoiserConfig
from mgd3_kedro.training.loop import Trained

logger = logging.getLogger(__name__)

SEEDS = (0, 1)
"""Seeds of the networks that are trained on the samples of a scale."""
TESTED_PER_CLASS = 100
"""Largest number of train images per class that these networks are tested on."""


@dataclass(frozen=True)
class TuningConfig:
    """Configuration of the choice of a prior's guidance scale.

    Args:
        guidance_scales: The scales to compare.
        samples_per_class: Number of samples per class that a network is trained on.
        network: A name of `NETWORKS`.
        epochs: Number of epochs of its training.

    Raises:
        ValueError: If a setting is invalid; the message names it.
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
        """Return the configuration of a training, based on that of evaluations."""
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
    """Choose the guidance scale by the accuracy of networks trained on samples.

    Samples have no mode guidance, and all scales start from the same noise. The networks are tested
    on images of the train split, so that the test split stays unused for later measurements. The
    prior was trained on these images, but the networks were not.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        autoencoder: Autoencoder of the prior.
        denoiser: Denoiser of the prior.
        checkpoints: Folder of checkpoints, for interrupted trainings.
        denoiser_config: Configuration of the denoiser, with its prediction type.
        diffusion: Configuration of sampling, apart from the guidance scale.
        evaluation: Configuration of evaluations, the base of the networks' configuration.
        config: The scales, and the trainings.

    Returns:
        A table with the columns guidance_scale, seed and top1_last (percent); the chosen settings
        of `diffusion`.

    Raises:
        DivergenceError: If a loss is not finite.
    """
    schooling = config.schooling(evaluation)
    size = schooling.side_of(benchmark.image_size)
    decoder = LatentAutoencoder(as_shipped(autoencoder.model), benchmark.image_size)
    test = fitted(_some_of_each(benchmark, train_images), size)
    code = code_digest(train_network, (schooling, config.network))
    rows = []
    for scale in map(float, config.guidance_scales):
        drawn = sample_without_modes(
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
    """Return the guidance scale with the highest mean accuracy; the lowest one in case of a tie.

    Args:
        table: The table of `tune_guidance`.
    """
    means = table.groupby("guidance_scale")["top1_last"].mean()
    return float(means[means == means.max()].index.to_numpy()[0])


def _some_of_each(benchmark: Benchmark, images: Mapping[str, Partition]) -> LabelledSet:
    """Return up to `TESTED_PER_CLASS` images per class, spread evenly over the class."""
    some: list[torch.Tensor] = []
    for wnid in benchmark.wnids:
        of_class = images[wnid].load()[:]
        count = min(len(of_class), TESTED_PER_CLASS)
        some.append(of_class[torch.arange(count) * len(of_class) // count])
    return LabelledSet.of_classes(some)
