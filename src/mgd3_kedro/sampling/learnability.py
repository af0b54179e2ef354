"""Learnability: choice of the draw from which a student network learns most."""

from __future__ import annotations

import torch


def measure_learnability(
    student: torch.Tensor, teacher: torch.Tensor, omega: float
) -> torch.Tensor:
    """Return the learnability score: high where the student is unsure and the teacher is sure.

    Args:
        student: Cross-entropy of each image for its class, under a network trained on the images
            chosen before.
        teacher: The same under a network trained on all real images; of the same shape.
        omega: Weight of the teacher's cross-entropy; 0 prefers the images hardest for the student.

    Returns:
        Scores of the same shape, float64; larger is better.

    Source: LGD (arXiv 2604.00519), learnability score.
    """
    return student.double() - omega * teacher.double()


def choose_learnable(scores: torch.Tensor) -> torch.Tensor:
    """Return the index of the draw with the highest score for each image.

    Args:
        scores: See `measure_learnability`, (draws, images).

    Returns:
        (images,), int64; of equal scores, the first.

    Source: LGD (arXiv 2604.00519).
    """
    return scores.argmax(0)
