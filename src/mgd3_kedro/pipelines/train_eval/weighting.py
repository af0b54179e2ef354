"""What an image counts for in a training: the share of its class that its mode stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mgd3_kedro.stages import Partition


def weigh_images(images: Sequence[Partition], exponent: float) -> tuple[float, ...] | None:
    """Return the weight of every image, mean 1 within a class.

    An image has the real images nearest to its mode, shared with other images of the same mode, to
    the power of the exponent: at 1 the weighted images are the best approximation of their class,
    in the optimal-transport sense, that there is with images at these places.

    Args:
        images: A class each, in label order, with the provenance of every image.
        exponent: 0 for the same weight of all.

    Returns:
        In the order of classes and images; None where all weigh the same.

    Raises:
        ValueError: If it is not known which modes images stand for.

    Source: dataset distillation as pushforward optimal quantization (arXiv 2501.07681); the
    exponent is ours.
    """
    if not exponent:
        return None
    return tuple(weight for of in images for weight in _weigh_class(of.rows, exponent))


def _weigh_class(rows: Sequence[Mapping[str, Any]], exponent: float) -> list[float]:
    if not rows or any("mode_member_count" not in row for row in rows):
        raise ValueError(
            "trainings.mode_weight_exponent: expected images that the stages of this project made, "
            "got some without provenance; set it to 0"
        )
    sharing = Counter(row["mode"] for row in rows)
    masses = [(row["mode_member_count"] / sharing[row["mode"]]) ** exponent for row in rows]
    return [mass * len(masses) / sum(masses) for mass in masses]
