"""Verdict on whether a prior is good enough to distil with, from its measured quality."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mgd3_kedro.priors import QUALITY_FILE

logger = logging.getLogger(__name__)

LEAST_JUDGE_ACCURACY = 0.25
"""Least accuracy of the judge on real images for its results to count: 0 is chance, 1 perfect."""
ENOUGH = 0.6
"""Least accuracy of the judge on other images, above chance, as a share of that on real images."""
COPIED = 20.0
"""Most percent of samples that may be nearer to a train image than 99 % of test images are; by
chance it is 1."""


class Quality(NamedTuple):
    """Measured quality of a prior, in percent.

    The judge is a network that was trained on real images.

    Args:
        samples: Accuracy of the judge on samples of the prior.
        reconstructed: Accuracy of the judge on real test images after the autoencoder.
        real: Accuracy of the judge on real test images.
        near_copies: Samples that are nearer to a train image than 99 % of the test images are.
        num_classes: Number of classes.
    """

    samples: float
    reconstructed: float
    real: float
    near_copies: float
    num_classes: int

    def above_chance(self, recognised: float) -> float:
        """Return an accuracy in percent as a share: 0 for chance or less, 1 for 100 %."""
        chance = 100 / self.num_classes
        return max(0.0, recognised - chance) / max(100 - chance, 1e-9)


def describe_quality(quality: Quality) -> tuple[str, ...]:
    """Return one sentence per problem of a prior; empty if it has none."""
    real = quality.above_chance(quality.real)
    if real < LEAST_JUDGE_ACCURACY:
        return (
            "its samples cannot be judged: the network that judges them recognises only "
            f"{quality.real:.0f} % of real test images; train that network longer "
            "(pretrain.judge.epochs), or use more images",
        )
    found = []
    if quality.above_chance(quality.reconstructed) < ENOUGH * real:
        found.append(
            f"its autoencoder loses the differences between classes: {quality.reconstructed:.0f} "
            f"% of test images are recognised after it, {quality.real:.0f} % before; train it "
            "longer (pretrain.autoencoder.steps), or name a better one "
            "(pretrain.autoencoder.given)"
        )
    if quality.above_chance(quality.samples) < ENOUGH * real:
        found.append(
            f"its samples are poor: {quality.samples:.0f} % of them are recognised, "
            f"{quality.real:.0f} % of real test images; images drawn from it may teach less than "
            "random real ones (method=random, kmeans_closest); train it longer "
            "(pretrain.denoiser.steps), or use a larger model"
        )
    if quality.near_copies > COPIED:
        found.append(
            f"it copies its train images: {quality.near_copies:.0f} % of samples are nearer to a "
            "train image than 99 % of test images are; train it for fewer steps, or on more "
            "images"
        )
    return tuple(found)


def verdict_of(quality: Quality) -> str:
    """Return the verdict on a prior as text."""
    found = describe_quality(quality)
    if found:
        return "; ".join(found)
    return (
        f"good enough to distil with: {quality.samples:.0f} % of samples are recognised by a "
        f"network trained on real images, which recognises {quality.real:.0f} % of real test "
        f"images and {quality.reconstructed:.0f} % after the autoencoder"
    )


def write_quality(quality: Quality) -> str:
    """Return the content of `quality.json`."""
    return f"{json.dumps(quality._asdict(), indent=2)}\n"


def read_quality(folder: Path) -> Quality | None:
    """Return the measured quality in the folder of a prior; None if it has none.

    Raises:
        ValueError: If the file has another form.
    """
    path = folder / QUALITY_FILE
    if not path.is_file():
        return None
    try:
        measured: Mapping[str, float] = json.loads(path.read_text("utf-8"))
        return Quality(**{name: measured[name] for name in Quality._fields})  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected numbers called {', '.join(Quality._fields)}, got another form "
            f"({error}); remove the file"
        ) from error


def warn_of_poor_prior(folder: Path) -> None:
    """Warn of the problems of a prior that images will be drawn from."""
    if quality := read_quality(folder):
        for sentence in describe_quality(quality):
            _warn_once(folder, sentence)


@cache
def _warn_once(folder: Path, sentence: str) -> None:
    # A sweep checks the prior for every point.
    logger.warning("prior %s: %s", folder, sentence)
