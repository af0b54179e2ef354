"""The trainings of the train_eval stage."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checkpoint import Checkpoint, digest_of
from mgd3_kedro.evaluation import (
    DivergenceError,
    EvaluationConfig,
    LabelledSet,
    TrainingResult,
    train_network,
)
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.pipelines.train_eval.fitting import Fit, training_set
from mgd3_kedro.pipelines.train_eval.labelling import LABELS, LabelContext
from mgd3_kedro.result_columns import FINISHED
from mgd3_kedro.stages import Made, Task, neutral, off_at
from mgd3_kedro.version import code_version

logger = logging.getLogger(__name__)

NOT_MEASURED = float("nan")


@dataclass(frozen=True)
class TrainingSubject:
    """One training.

    Args:
        network: A name of `NETWORKS`.
        ipc: Images per class.
        seed: Seed of the initial weights.
        batch_seed: Seed of order and augmentation.
        classes: Classes of the benchmark.
        taught_by: Fingerprints of the teacher or of its stored labels; empty without a teacher.
        weights: Weight of each image in the loss, in the order of classes; None for equal weights.
        small_images: Small images that replace one of `ipc` images (multi-formation).
    """

    network: str
    ipc: int
    seed: int
    batch_seed: int
    classes: tuple[ClassSpec, ...]
    taught_by: tuple[str, ...] = ()
    weights: tuple[float, ...] | None = None
    small_images: int = off_at(1, default=1)


@dataclass(frozen=True)
class Trainings:
    """Settings that all trainings share.

    Args:
        config: Configuration of a training, with the protocol.
        fit: Resize and centre crop of images.
        mode_weight_exponent: Exponent of the weights of images.
        checkpoints: Folder of checkpoints, for interrupted trainings.
    """

    config: EvaluationConfig
    fit: Fit
    mode_weight_exponent: float
    checkpoints: str = neutral()


def run_trainings(batch: Mapping[str, Task], settings: Trainings) -> dict[str, Made]:
    """Train and test some networks; a training without a finite loss gets a row with that outcome.

    Source: Minimax diffusion (arXiv 2311.15529), section 5.
    """
    config, fit = settings.config, settings.fit
    made = {}
    for name, task in batch.items():
        subject: TrainingSubject = task.about
        images = task.inputs["images"]
        data = training_set(images, config.recipe, fit, subject.weights, subject.small_images)
        test = LabelledSet.of_classes([kept["images"] for kept in task.inputs["test_images"]])
        context = LabelContext(subject.classes, fit.size, config.precision, config.device)
        checkpoint = Checkpoint(
            Path(settings.checkpoints, f"{name}.ckpt"),
            digest_of(
                subject, config, code_digest(run_trainings, settings), data.images, test.images
            ),
        )
        try:
            result = train_network(
                data,
                test,
                network=subject.network,
                ipc=subject.ipc,
                config=config,
                seed=subject.seed,
                labels=LABELS[config.recipe.labels](task, context),
                batch_seed=subject.batch_seed,
                checkpoint=checkpoint,
                progress=ProgressLog(name),
                small_images=subject.small_images,
            )
        except DivergenceError as error:
            logger.error("%s", error)
            value = describe_divergence(error)
        else:
            value = describe_result(result)
        checkpoint.remove()
        facts = {"network": subject.network, "ipc": subject.ipc, "training_seed": subject.seed}
        made[name] = Made({**facts, **value}, len(data.images))
    return made


def describe_result(result: TrainingResult) -> dict[str, Any]:
    """Return the results of a finished training as plain values."""
    measured = {
        "top1_last": result.top1_last,
        "top1_best": result.top1_best,
        "code_version": code_version(),
        "outcome": FINISHED,
        "top1_reported": result.top1_reported,
        "balanced_last": result.scores.balanced,
        "top5_last": result.scores.top5,
        "calibration_error": result.scores.calibration_error,
        "epochs": result.epochs,
        "image_steps": result.image_steps,
        "seconds": result.seconds,
        "parameters": result.parameters,
    }
    return {
        "measured": measured,
        "curve": result.curve,
        "confusion": result.scores.confusion.tolist(),
    }


def describe_divergence(error: DivergenceError) -> dict[str, Any]:
    """Return the results of a training whose loss became infinite or NaN, as plain values."""
    measured = {
        "top1_last": NOT_MEASURED,
        "top1_best": NOT_MEASURED,
        "code_version": code_version(),
        "outcome": f"diverged: {error}",
        "epochs": error.epoch,
        "seconds": error.seconds,
    }
    return {"measured": measured, "curve": error.curve, "confusion": None}
