"""Checks of the number of images per class, if classes differ in size."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mgd3_kedro.balance import allot_images
from mgd3_kedro.preflight.inputs import Inputs
from mgd3_kedro.stages import Partition

logger = logging.getLogger(__name__)

SHOWN_CLASSES = 10


def warn_of_small_classes(inputs: Inputs) -> None:
    """Warn of classes with fewer images than the requested number of modes."""
    # In a run that also makes images, `check_real_images` warns of these.
    if "params:distillation" not in inputs:
        config = inputs["params:modes"]
        allot_with_warning(inputs["train_images"], config.ipc, config.balance, 1)


def allot_with_warning(
    train_images: Mapping[str, Partition], ipc: int, balance: str, real_each: int
) -> dict[str, int]:
    """Return wnid -> number of images to make; log if the numbers are not equal.

    Args:
        train_images: wnid -> images.
        ipc: Images per class.
        balance: A name of `BALANCES`.
        real_each: Real images that one distilled image is made from.
    """
    real = {wnid: partition.count for wnid, partition in train_images.items()}
    counts = allot_images(real, ipc, balance, real_each)
    if sum(counts.values()) < ipc * len(counts):
        enough_for = {wnid: count // real_each for wnid, count in real.items()}
        short = {wnid: n for wnid, n in counts.items() if n == enough_for[wnid] != ipc}
        shown = ", ".join(f"{wnid} ({n})" for wnid, n in list(short.items())[:SHOWN_CLASSES])
        more = f" and {len(short) - SHOWN_CLASSES} more" if len(short) > SHOWN_CLASSES else ""
        logger.warning(
            "ipc: %d of %d classes have too few train images for %d per class and get fewer: %s%s",
            *(len(short), len(counts), ipc, shown, more),
        )
    elif (least := min(counts.values())) < (most := max(counts.values())):
        text = "balance=%s: classes get %d to %d images, %d in all"
        logger.info(text, balance, least, most, sum(counts.values()))
    return counts
