"""Weights of images in the training loss, by the sizes of their modes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mgd3_kedro.stages import Partition


def weigh_images(images: Sequence[Partition], exponent: float) -> tuple[float, ...] | None:
    """Return the weight of every image; the mean weight within a class is 1.

    The weight is proportional to the number of members of the image's mode, divided by the number
    of images of that mode, to the power of the exponent. With the exponent 1, these are the weights
    of the best approximation of the class by points at the modes, in optimal transport.

    Args:
        images: One partition per class, in label order, with the provenance of every image.
        exponent: Exponent of the weights; 0 for equal weights.

    Returns:
        Weights in the order of classes and images; None for equal weights.

    Raises:
        ValueError: If the provenance lacks the modes of images.

    Source: dataset distillation as pushforward optimal quantization (arXiv 2501.07681); the
    exponent is ours.
    """
    if not exponent:
        return None
    return tuple(weight for of in images for weight in _weigh_class(of.rows, exponent))


def _weigh_class(rows: Sequence[Mapping[str, Any]], exponent: float) -> list[float]:
    if not rows or any("mode_member_count" not in row for row in rows):
        raise ValueError(
            "trainings.mode_weight_exponent: expected images that each stand for a mode, got "
            "images without modes; set it to 0"
        )
    sharing = Counter(row["mode"] for row in rows)
    masses = [(row["mode_member_count"] / sharing[row["mode"]]) ** exponent for row in rows]
    return [mass * len(masses) / sum(masses) for mass in masses]
