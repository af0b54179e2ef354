"""Whether samples copy what a model was trained on: nearer to it than images it never saw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mgd3_kedro.metrics.distances import Features, check_features, measure_to_nearest

PERCENTILES = (5, 25, 50, 75, 95)
NEAREST_PERCENT = 1.0
"""Share of unseen images that counts as uncommonly near."""


def measure_nearest(queries: Features, training: Features) -> NDArray[np.float64]:
    """Return the distance from each query to the training image that is nearest to it.

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
    """Put the distances of samples to their training images beside those of unseen images.

    A model that draws new images is as far from its training images as other real ones are. Where
    its samples are plainer than photos, as guided ones are, they are nearer to everything without
    copying anything: `prefer_training` does not mind that.

    Args:
        samples: (M,), what `measure_nearest` gives for samples.
        unseen: (U,), what it gives for real images that were not trained on.

    Returns:
        `samples_p5` ... `samples_p95` and `unseen_p5` ... `unseen_p95`, percentiles of both;
        `nearest_percent`, share of samples nearer than 99 % of unseen images are, percent;
        `nearer_probability`, that a sample is nearer than an unseen image: 0.5 where both are
        alike.

    Raises:
        ValueError: If a set is no (N,) of finite distances of 0 or more, or is empty.

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
    """Tell whether what samples are nearest to is a training image more often than by chance.

    Plain samples share their nearest images, a few plain ones: their number, rather than that of
    the samples, says how far from chance the share may be by itself.

    Args:
        to_training: (M,), distance of each sample to its nearest training image.
        to_unseen: (M,), the same to its nearest unseen image.
        training: Number of training images, N.
        unseen: Number of unseen images, U.

    Returns:
        `training_nearest_percent`, share of samples whose nearest real image was trained on (ties
        count half); `training_nearest_by_chance`, what it is where samples know none of them.

    Raises:
        ValueError: If a set is no (M,) of finite distances, or the two are not of the same samples.

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
    """Return the distance, (U,) given, that 1 % of unseen images are nearer than."""
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
