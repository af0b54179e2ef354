"""Which of several draws a student has most to learn from."""

from __future__ import annotations

import torch


def measure_learnability(
    student: torch.Tensor, teacher: torch.Tensor, omega: float
) -> torch.Tensor:
    """Return how much images have to teach: what a student does not know and a teacher is sure of.

    Args:
        student: Cross-entropy of each image with its class, by a network that has learned from the
            images before it.
        teacher: The same by a network that has seen all real images; of the same shape.
        omega: Weight of the teacher's; 0: the hardest for the student.

    Returns:
        Of the same shape, float64; the more, the better.

    Source: LGD (arXiv 2604.00519), learnability score.
    """
    return student.double() - omega * teacher.double()


def choose_learnable(scores: torch.Tensor) -> torch.Tensor:
    """Return the draw with most to teach for each image, the first of those that are as good.

    Args:
        scores: See `measure_learnability`, (draws, images).

    Returns:
        (images,), int64.

    Source: LGD (arXiv 2604.00519).
    """
    return scores.argmax(0)
