"""Training of one network on distilled images, and its test on real images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from mgd3_kedro.checkpoint import Checkpoint
from mgd3_kedro.checks import check_range
from mgd3_kedro.devices import reproducible, resolve_device
from mgd3_kedro.evaluation.compiled import CompiledNetwork
from mgd3_kedro.evaluation.data import LabelledSet
from mgd3_kedro.evaluation.labels import Labels, epoch_generator, own_targets
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.scores import Scores, score
from mgd3_kedro.evaluation.settings import EvaluationConfig
from mgd3_kedro.evaluation.state import State
from mgd3_kedro.randomness import seeded_globals

Row = dict[str, float]
"""One validation: epoch, step, train_loss, learning_rate, top1."""
Progress = Callable[[int, int, Row | None, float], None]
"""Callback after every epoch: (epoch, number of epochs, row of the last validation, seconds
left)."""

DROPOUT = 1
"""Last number of the random key of an epoch's dropout; the key of its batches lacks it."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of one training.

    Args:
        network: The network with the weights that were tested last, in evaluation mode.
        scores: Scores of the test images, after the last epoch.
        top1_best: Highest top-1 accuracy of all validations, percent. It is chosen on the test
            images, so it is optimistic.
        top1_reported: The accuracy that the authors of the protocol report, percent: the highest
            of those validations that they choose from.
        curve: One row per validation: epoch, step, train_loss (mean since the last row),
            learning_rate, top1.
        epochs: Number of epochs.
        image_steps: Number of images in all updates: epochs times training images.
        seconds: Wall-clock time of training and validations; interruptions do not count.
        parameters: Number of weights of the network.
    """

    network: nn.Module
    scores: Scores
    top1_best: float
    top1_reported: float
    curve: list[Row]
    epochs: int
    image_steps: int
    seconds: float
    parameters: int

    @property
    def top1_last(self) -> float:
        """Accuracy after the last epoch, percent."""
        return self.scores.top1


class DivergenceError(FloatingPointError):
    """Error: the loss of a training is not finite.

    Args:
        message: What happened, and what to do.
        curve: Rows of the earlier validations.
        epoch: Epoch at whose end it was noticed.
        seconds: Wall-clock time until then.
    """

    def __init__(self, message: str, curve: list[Row], epoch: int, seconds: float) -> None:
        super().__init__(message)
        self.curve = curve
        self.epoch = epoch
        self.seconds = seconds


def train_network(
    data: LabelledSet,
    test: LabelledSet,
    *,
    network: str,
    ipc: int,
    config: EvaluationConfig,
    seed: int,
    labels: Labels = own_targets,
    batch_seed: int | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    small_images: int = 1,
    rate_setting: str = "evaluation.learning_rate",
) -> TrainingResult:
    """Train a network from scratch and validate it on the test images.

    The result depends only on the arguments and the device. The state of PyTorch's global
    generators has no influence and is not changed.

    Args:
        data: Training images.
        test: Test images, of the size of the network's input.
        network: A name of `NETWORKS`.
        ipc: Images per class; with the number of classes it selects the protocol's
            hyperparameters.
        config: Configuration of the training.
        seed: Seed of initial weights, order and augmentation, below 2**64.
        labels: Returns the targets of a batch.
        batch_seed: Seed of order and augmentation, for stored labels; None: `seed`.
        checkpoint: Checkpoint that an interrupted training is resumed from.
        progress: Called after every epoch.
        small_images: Small images that replace one of `ipc` images (multi-formation).
        rate_setting: Name of the learning rate in the message of a `DivergenceError`.

    Raises:
        ValueError: If images, labels and sizes do not fit each other, or a name is unknown.
        DivergenceError: If the loss is not finite.

    Source: Minimax diffusion (arXiv 2311.15529), released code, for the hard-label protocol.
    """
    recipe = config.recipe
    size = test.images.shape[-1]
    if recipe.fitted and data.images.shape[-1] != size:
        raise ValueError(
            f"images: expected the size of the test images, {size} px, "
            f"got {data.images.shape[-1]} px"
        )
    if data.num_classes != test.num_classes:
        raise ValueError(
            f"test_images: expected {data.num_classes} classes, got {test.num_classes}"
        )
    check_range("seed", seed, 0, 2**64 - 1)
    plan = config.plan(ipc, data.num_classes, network, small_images)
    device = resolve_device(config.device)
    batches_of = partial(epoch_generator, seed if batch_seed is None else batch_seed)
    every = plan.epochs if recipe.tested_once else math.ceil(plan.epochs / config.validations)
    with reproducible(config.threads):
        with seeded_globals(torch.device("cpu"), seed):
            model = build_network(network, data.num_classes, size).to(device)
        state = State.new(model, recipe, plan)
        if checkpoint and (found := checkpoint.load()):
            state.restore(found)
        run: Callable[[nn.Module], Any] = CompiledNetwork if config.compile else _as_it_is
        training = Passes(run(model), config.number_format, device)
        tested = Passes(run(state.average), config.number_format, device)
        data, test = data.to(device), test.to(device)
        resumed = state.seconds
        begun = time.perf_counter()
        scores: Scores | None = None
        for epoch in range(state.epoch + 1, plan.epochs + 1):
            rate = recipe.learning_rate(epoch, plan)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            with seeded_globals(device, seed, epoch, DROPOUT):
                for batch in recipe.batches(data, size, plan, batches_of(epoch)):
                    state.update(training, recipe, plan, batch, labels(epoch, batch))
            state.epoch = epoch
            reported = recipe.reported is not None and recipe.reported(epoch, plan)
            if epoch % every == 0 or epoch == plan.epochs or reported:
                mean = float(torch.stack(state.losses).mean())
                state.losses.clear()
                if not math.isfinite(mean):
                    raise DivergenceError(
                        f"{network}: expected a finite loss, got {mean} by epoch {epoch} of "
                        f"{plan.epochs}; lower {rate_setting} ({plan.learning_rate:g}) "
                        "or train in fp32",
                        state.curve,
                        epoch,
                        resumed + time.perf_counter() - begun,
                    )
                scores = score(tested.classify(test.images), test.labels)
                state.curve.append(
                    Row(
                        epoch=epoch,
                        step=state.step,
                        train_loss=mean,
                        learning_rate=rate,
                        top1=scores.top1,
                    )
                )
            state.seconds = resumed + time.perf_counter() - begun
            if checkpoint and checkpoint.due:
                checkpoint.save(state.to_dict())
            if progress is not None:
                left = state.seconds / epoch * (plan.epochs - epoch)
                progress(epoch, plan.epochs, state.curve[-1] if state.curve else None, left)
        if scores is None:
            # The process was killed after the last checkpoint, before it wrote the result.
            scores = score(tested.classify(test.images), test.labels)
    return TrainingResult(
        network=state.average.eval(),
        scores=scores,
        top1_best=max(row["top1"] for row in state.curve),
        top1_reported=max(
            row["top1"]
            for row in state.curve
            if recipe.reported is None or recipe.reported(int(row["epoch"]), plan)
        ),
        curve=state.curve,
        epochs=plan.epochs,
        image_steps=plan.epochs * len(data.images),
        seconds=state.seconds,
        parameters=sum(weights.numel() for weights in model.parameters()),
    )


def _as_it_is(model: nn.Module) -> nn.Module:
    return model
