"""GLaD's protocol for cross-architecture evaluation: long warm-up, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch

from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.data import LabelledSet, TrainingBatch
from mgd3_kedro.evaluation.hard_label import cross_entropy, sgd
from mgd3_kedro.evaluation.recipe import Recipe, TrainingPlan
from mgd3_kedro.evaluation.siamese import STRATEGY, apply_siamese, draw_siamese

EPOCHS = 1000
RATE = 1e-3
RATES: Mapping[str, float] = {"vgg11": 1e-4}
"""Network -> its learning rate, if it is not `RATE`."""
WARMUP_SHARE = 0.5


def published_numbers(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the hyperparameters of GLaD's cross-architecture evaluation.

    Source: GLaD (arXiv 2305.01649), section 4 and released code.
    """
    return TrainingPlan(
        epochs=EPOCHS,
        batch_size=256,
        learning_rate=RATES.get(network, RATE),
        weight_decay=5e-4,
        momentum=0.9,
        cutmix=False,
        flip_probability=0.5,
        crop_min_scale=1.0,
        jitter_strength=0.0,
        lighting_std=0.0,
        ema_decay=0.995,
    )


def warmed_cosine_rate(epoch: int, plan: TrainingPlan) -> float:
    """Return the learning rate of an epoch: linear up to the middle, then half a cosine to zero.

    Source: GLaD (arXiv 2305.01649), released code.
    """
    warmup = WARMUP_SHARE * plan.epochs
    if epoch <= warmup:
        return plan.learning_rate * epoch / warmup
    # With an odd number of epochs the warm-up ends inside an epoch; this epoch has the full rate.
    done = max(0.0, epoch - 1 - warmup) / (plan.epochs - warmup)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def siamese_batches(
    data: LabelledSet, image_size: int, plan: TrainingPlan, generator: torch.Generator
) -> Iterator[TrainingBatch]:
    """Yield the batches of one epoch: every image once, in random order.

    All images of a batch get the same operation of the siamese augmentation.

    Args:
        data: Training images, of the size that the network sees.
        image_size: Side of the images, in pixels.
        plan: Batch size; if `flip_probability` is 0, images are never flipped.
        generator: Source of all randomness, on CPU.

    Source: GLaD (arXiv 2305.01649), released code.
    """
    count = len(data.images)
    batch_size = plan.batch_size or count
    strategy = STRATEGY if plan.flip_probability else STRATEGY.replace("_flip", "")
    order = torch.randperm(count, generator=generator)
    for start in range(0, count, batch_size):
        rows = slice(start, min(start + batch_size, count))
        chosen = order[rows]
        drawn = draw_siamese(len(chosen), image_size, generator, shared=False, strategy=strategy)
        inputs = apply_siamese(normalize(data.images_of(chosen).float() / 255), drawn)
        yield TrainingBatch.of(data, inputs, data.targets_of(chosen), rows)


GLAD = Recipe(
    published_numbers,
    sgd,
    warmed_cosine_rate,
    siamese_batches,
    cross_entropy,
    tested_once=True,
    unused=(
        *("cutmix", "crop_min_scale", "jitter_strength", "lighting_std", "factor", "temperature"),
        *("rand_augment_ops", "rand_augment_magnitude"),
    ),
)
