"""Training of one network on distilled images, and its accuracy on real test images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from mgd3_kedro.checks import check_range, lookup
from mgd3_kedro.devices import reproducible, resolve_device
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.protocols import PRECISIONS, PROTOCOLS, EvaluationConfig

Row = dict[str, float]
"""epoch, step, train_loss, learning_rate, top1."""


@dataclass(frozen=True)
class TrainingResult:
    """What one training showed.

    Args:
        top1_last: Accuracy after the last epoch, percent.
        top1_best: Highest accuracy of all validations, percent; chosen on the test images, so
            it is optimistic.
        curve: One row per validation: epoch, step, train_loss (mean since the last row),
            learning_rate, top1.
        confusion: (n, n), int64, test images after the last epoch; rows are true classes.
        epochs: Length of the training.
        steps: Updates of the weights.
        seconds: Wall-clock time of training and validations.
        parameters: Number of weights of the network.
    """

    top1_last: float
    top1_best: float
    curve: list[Row]
    confusion: torch.Tensor
    epochs: int
    steps: int
    seconds: float
    parameters: int


def train_network(
    images: torch.Tensor,
    labels: torch.Tensor,
    test_images: torch.Tensor,
    test_labels: torch.Tensor,
    *,
    network: str,
    num_classes: int,
    ipc: int,
    config: EvaluationConfig,
    seed: int,
    progress: Callable[[int, int, Row], None] | None = None,
) -> TrainingResult:
    """Train a network from scratch and classify the test images along the way.

    The result is a function of the arguments and the device alone: PyTorch's global generators
    are neither read nor moved.

    Args:
        images: (N, 3, S, S), uint8.
        labels: (N,), int64, 0..num_classes-1.
        test_images: (M, 3, S, S), uint8.
        test_labels: (M,), int64, 0..num_classes-1.
        network: A name of `NETWORKS`.
        num_classes: Number of classes, n.
        ipc: Images per class; with num_classes it decides the number of epochs.
        config: Everything else that decides the training.
        seed: Seed of initial weights, order and augmentation, below 2**32.
        progress: Called with (epoch, epochs, row) after every validation.

    Raises:
        ValueError: If images, labels and num_classes do not fit each other, or a name is unknown.
        FloatingPointError: If the loss is not finite.

    Source: Minimax diffusion (arXiv 2311.15529), released code, for the hard-label protocol.
    """
    _check_data("images", images, labels, num_classes)
    _check_data("test_images", test_images, test_labels, num_classes)
    if images.shape[1:] != test_images.shape[1:]:
        raise ValueError(
            f"test_images: expected the size of the training images, {tuple(images.shape[2:])}, "
            f"got {tuple(test_images.shape[2:])}"
        )
    check_range("seed", seed, 0, 2**32 - 1)
    recipe = lookup(PROTOCOLS, config.protocol, "protocol")
    plan = recipe.plan(config, ipc, num_classes)
    device = resolve_device(config.device)
    generator = torch.Generator().manual_seed(seed)
    every = math.ceil(plan.epochs / config.validations)
    with reproducible(config.threads):
        begun = time.perf_counter()
        model = _initialise(network, num_classes, images.shape[-1], generator).to(device)
        passes = Passes(model, PRECISIONS[config.precision], device)
        optimizer = recipe.optimizer(model.parameters(), plan)
        images, labels = images.to(device), labels.to(device)
        test_images, test_labels = test_images.to(device), test_labels.to(device)
        losses: list[torch.Tensor] = []
        curve: list[Row] = []
        step = 0
        for epoch in range(1, plan.epochs + 1):
            rate = recipe.learning_rate(epoch, plan)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batches = recipe.batches(images, labels, config, plan, num_classes, generator)
            for inputs, targets in batches:
                optimizer.zero_grad(set_to_none=True)
                losses.append(passes.backward(inputs, targets, recipe.loss))
                optimizer.step()
                step += 1
            if epoch % every and epoch != plan.epochs:
                continue
            mean = float(torch.stack(losses).mean())
            losses.clear()
            if not math.isfinite(mean):
                raise FloatingPointError(
                    f"{network}: expected a finite loss, got {mean} by epoch {epoch} of "
                    f"{plan.epochs}; lower learning_rate ({plan.learning_rate}) or train in fp32"
                )
            confusion = passes.confusion(test_images, test_labels, num_classes)
            top1 = 100 * float(confusion.trace()) / len(test_labels)
            curve.append(
                Row(epoch=epoch, step=step, train_loss=mean, learning_rate=rate, top1=top1)
            )
            if progress is not None:
                progress(epoch, plan.epochs, curve[-1])
        seconds = time.perf_counter() - begun
    return TrainingResult(
        top1_last=curve[-1]["top1"],
        top1_best=max(row["top1"] for row in curve),
        curve=curve,
        confusion=confusion,
        epochs=plan.epochs,
        steps=step,
        seconds=seconds,
        parameters=sum(weights.numel() for weights in model.parameters()),
    )


def _initialise(
    network: str, num_classes: int, image_size: int, generator: torch.Generator
) -> nn.Module:
    seed = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also move the generators of the accelerators.
        torch.default_generator.manual_seed(seed)
        return build_network(network, num_classes, image_size)


def _check_data(name: str, images: torch.Tensor, labels: torch.Tensor, num_classes: int) -> None:
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or images.ndim != 4 or shape[1] != 3 or shape[2] != shape[3]:
        raise ValueError(
            f"{name}: expected uint8 of shape (N, 3, S, S), got {images.dtype} of shape {shape}"
        )
    if len(images) == 0 or labels.shape != (len(images),) or labels.dtype != torch.int64:
        raise ValueError(
            f"{name}: expected at least one and an int64 label for each, got {len(images)} with "
            f"labels {labels.dtype} of shape {tuple(labels.shape)}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise ValueError(f"{name}: expected labels in 0..{num_classes - 1}, got {low}..{high}")
