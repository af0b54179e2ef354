"""Training of a network on real images, in small parts between comparisons of gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.cutmix import cut_mix, draw_cut
from mgd3_kedro.evaluation.siamese import apply_siamese, draw_siamese
from mgd3_kedro.matching.pixels import to_unit

if TYPE_CHECKING:
    from mgd3_kedro.matching.idc_settings import IdcConfig
    from mgd3_kedro.matching.real_batches import LabelledBatches


class NetworkTrainer:
    """A trainer of a network, by SGD with momentum.

    Args:
        network: An untrained network, on the device of the training.
        batches: Batches of real images.
        num_classes: Number of classes n.
        config: Settings of the training.
        generator: Source of randomness, on CPU.

    Source: IDC (arXiv 2205.14959), released code.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: LabelledBatches,
        num_classes: int,
        config: IdcConfig,
        generator: torch.Generator,
    ) -> None:
        self._network = network
        self._batches = batches
        self._num_classes = num_classes
        self._config = config
        self._generator = generator
        self._optimizer = torch.optim.SGD(
            network.parameters(),
            lr=config.network_learning_rate,
            momentum=config.network_momentum,
            weight_decay=config.network_weight_decay,
        )

    def train_epochs(self, epochs: int) -> None:
        """Train for a number of epochs over all real images."""
        self._train(epochs * self._batches.per_epoch)

    def train_images(self, images: int) -> None:
        """Train on a number of real images, rounded up to whole batches, at most one epoch."""
        batches = math.ceil(images / self._config.batch_real)
        self._train(min(batches, self._batches.per_epoch))

    def _train(self, steps: int) -> None:
        for _ in range(steps):
            inputs, targets = self._mixed_batch()
            loss = F.cross_entropy(self._network(inputs), targets)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()

    def _mixed_batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        device = next(self._network.parameters()).device
        images, labels = self._batches.next()
        inputs = normalize(to_unit(images, device))
        inputs = augment_in_turn(
            inputs, self._config.network_strategy, self._generator, shared=False
        )
        targets = F.one_hot(labels, self._num_classes).float().to(device)
        if not self._config.network_cutmix:
            return inputs, targets
        return cut_mix(inputs, targets, draw_cut(len(inputs), inputs.shape[-1], self._generator))


def augment_in_turn(
    images: torch.Tensor, strategy: str, generator: torch.Generator, *, shared: bool
) -> torch.Tensor:
    """Apply every operation of a siamese strategy, one after the other.

    Args:
        images: (B, 3, S, S), normalised.
        strategy: Operations, joined by underscores; none if empty.
        generator: Source of randomness, on CPU.
        shared: Whether all images get the same parameters.

    Source: IDC (arXiv 2205.14959), released code.
    """
    for operation in filter(None, strategy.split("_")):
        drawn = draw_siamese(
            len(images), images.shape[-1], generator, shared=shared, strategy=operation
        )
        images = apply_siamese(images, drawn)
    return images
