"""Scores of a network, from its logits of a test set."""

from __future__ import annotations

from dataclasses import dataclass

import torch

TOP = 5
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Scores:
    """Classification scores of a test set.

    Args:
        top1: Top-1 accuracy, percent.
        top5: Top-5 accuracy, percent.
        calibration_error: Expected calibration error, percent.
        confusion: (n, n), int64, on CPU; rows are true classes.
    """

    top1: float
    top5: float
    calibration_error: float
    confusion: torch.Tensor

    @property
    def balanced(self) -> float:
        """Balanced accuracy: mean accuracy of the classes that have test images, percent."""
        return float(class_accuracy(self.confusion).nanmean())


def class_accuracy(confusion: torch.Tensor) -> torch.Tensor:
    """Return the accuracy of every class, percent, (n,); NaN for classes without test images.

    Args:
        confusion: (n, n), int64; rows are true classes.
    """
    return 100 * confusion.diag().double() / confusion.sum(1)


def score(logits: torch.Tensor, labels: torch.Tensor) -> Scores:
    """Score the logits of a test set.

    Args:
        logits: (M, n), float32.
        labels: (M,), int64.

    Source: Guo et al. (arXiv 1706.04599), section 3, for the calibration error: 15 equal bins.
    """
    count, num_classes = logits.shape
    confidence, predicted = logits.softmax(1).max(1)
    right = predicted == labels
    near = logits.topk(min(TOP, num_classes), dim=1).indices == labels[:, None]
    pairs = torch.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return Scores(
        top1=100 * int(right.sum()) / count,
        top5=100 * int(near.any(1).sum()) / count,
        calibration_error=100 * _calibration_error(confidence, right),
        confusion=pairs.view(num_classes, num_classes).cpu(),
    )


def _calibration_error(confidence: torch.Tensor, right: torch.Tensor) -> float:
    # Bins are open on the left; a confidence of 0 does not occur.
    bins = (confidence * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
    gaps = torch.zeros(CALIBRATION_BINS, dtype=torch.float64, device=bins.device)
    gaps.index_add_(0, bins, (right.double() - confidence.double()))
    return float(gaps.abs().sum()) / len(confidence)
