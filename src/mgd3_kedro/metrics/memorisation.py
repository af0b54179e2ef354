"""Memorisation: whether samples are nearer to the training images than unseen images are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mgd3_kedro.metrics.distances import Features, check_features, measure_to_nearest

PERCENTILES = (5, 25, 50, 75, 95)
NEAREST_PERCENT = 1.0
"""Percentile of the unseen images' distances below which a sample is unusually near."""


def measure_nearest(queries: Features, training: Features) -> NDArray[np.float64]:
    """Return the distance from each query to its nearest training image.

    Args:
        queries: (M, D), samples or unseen images of one class.
        training: (N, D), the training images of the class, in every orientation that was trained
            on.

    Returns:
        (M,), Euclidean; 0 for a copy.

    Raises:
        ValueError: If features are not finite (M, D) and (N, D).

    Source: arXiv 2004.05675, section 3.
    """
    queries, training = check_features({"queries": queries, "training": training})
    return measure_to_nearest(queries, training, 1)[:, 0]


def compare_nearest(samples: ArrayLike, unseen: ArrayLike) -> dict[str, float]:
    """Compare the distances of samples to the training images with those of unseen images.

    Samples of a model that does not copy are as far from its training images as other real images
    are. But samples that are plainer than photos, such as guided ones, are nearer to everything
    without being copies: `prefer_training` is not affected by that.

    Args:
        samples: (M,), distances of samples, from `measure_nearest`.
        unseen: (U,), distances of real images that were not trained on.

    Returns:
        `samples_p5` ... `samples_p95` and `unseen_p5` ... `unseen_p95`, percentiles of both;
        `nearest_percent`, share of samples nearer than 99 % of unseen images are, percent;
        `nearer_probability`, probability that a sample is nearer than an unseen image: 0.5 if both
        are alike.

    Raises:
        ValueError: If a set is empty, or not an (N,) array of finite distances of 0 or more.

    Source: arXiv 2004.05675, section 3 (the probability, a Mann-Whitney statistic); percentiles
    ours.
    """
    near, far = (_checked(name, of) for name, of in (("samples", samples), ("unseen", unseen)))
    ordered = np.sort(far)
    below, above = (np.searchsorted(ordered, near, side) for side in ("left", "right"))
    farther = len(far) - (below + above) / 2
    return {
        **_percentiles("samples", near),
        **_percentiles("unseen", far),
        "nearest_percent": 100 * float((near < nearest_limit(far)).mean()),
        "nearer_probability": float(farther.mean() / len(far)),
    }


def prefer_training(
    to_training: ArrayLike, to_unseen: ArrayLike, training: int, unseen: int
) -> dict[str, float]:
    """Return how often samples are nearest to a training image, and the level by chance.

    Plain samples have the same few plain images as their nearest ones. The number of these images,
    not the number of samples, determines how far the share deviates from the chance level by
    itself.

    Args:
        to_training: (M,), distance of each sample to its nearest training image.
        to_unseen: (M,), distance of each sample to its nearest unseen image.
        training: Number of training images, N.
        unseen: Number of unseen images, U.

    Returns:
        `training_nearest_percent`, share of samples whose nearest real image was trained on (ties
        count half), percent; `training_nearest_by_chance`, its expected value without memorisation,
        percent.

    Raises:
        ValueError: If a set is empty, or not (M,) of finite distances of 0 or more, or the lengths
            differ.

    Source: after the nearest-neighbour two-sample test.
    """
    near, far = _checked("to_training", to_training), _checked("to_unseen", to_unseen)
    if len(near) != len(far):
        raise ValueError(
            f"to_unseen: expected a distance for each of {len(near)} samples, got {len(far)}"
        )
    return {
        "training_nearest_percent": 100 * float((near < far).mean() + (near == far).mean() / 2),
        "training_nearest_by_chance": 100 * training / (training + unseen),
    }


def nearest_limit(unseen: ArrayLike) -> float:
    """Return the distance below which 1 % of the unseen images are, given their distances (U,)."""
    return float(np.percentile(_checked("unseen", unseen), NEAREST_PERCENT))


def _percentiles(name: str, distances: NDArray[np.float64]) -> Mapping[str, float]:
    values = np.percentile(distances, PERCENTILES)
    return {f"{name}_p{at}": float(value) for at, value in zip(PERCENTILES, values, strict=True)}


def _checked(name: str, distances: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(distances, dtype=np.float64)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all() or array.min() < 0:
        raise ValueError(
            f"{name}: expected finite distances of 0 or more, (N,) with N > 0, got shape "
            f"{array.shape}"
            + (f" from {array.min():g} to {array.max():g}" if array.size else "")
            + "; measure them with measure_nearest"
        )
    return array
