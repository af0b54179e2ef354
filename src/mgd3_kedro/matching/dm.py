"""DM: images whose mean embedding matches that of the class in random networks."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.devices import check_device, reproducible, resolve_device
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.networks import NETWORKS, build_network
from mgd3_kedro.evaluation.siamese import OPERATIONS, apply_siamese, draw_siamese
from mgd3_kedro.matching.losses import LossCurve
from mgd3_kedro.matching.pixels import (
    OptimisedImages,
    RealImages,
    check_real_images,
    denormalize,
    draw_rows,
    to_bytes,
    to_unit,
)
from mgd3_kedro.randomness import seeded_globals
from mgd3_kedro.stages import neutral


@dataclass(frozen=True)
class DmConfig:
    """Settings of DM.

    Args:
        network: A name of `NETWORKS`; every update uses a new random network.
        iterations: Updates of the pixels.
        learning_rate: Learning rate of SGD on normalised pixels. Their unit is the standard
            deviation of ImageNet's colours, about a quarter of the range from black to white.
        momentum: Momentum of SGD, in [0, 1].
        batch_real: Most real images per update.
        strategy: Siamese augmentations to choose from, joined by underscores.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ValueError: If a value is not valid; the message names the setting.
    """

    network: str
    iterations: int
    learning_rate: float
    momentum: float
    batch_real: int
    strategy: str
    device: str = neutral()

    def __post_init__(self) -> None:
        lookup(NETWORKS, self.network, "network")
        check_count("iterations", self.iterations)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)
        check_range("momentum", self.momentum, 0, 1)
        check_count("batch_real", self.batch_real)
        for operation in self.strategy.split("_"):
            lookup(OPERATIONS, operation, "siamese operation")
        check_device(self.device)


def match_distribution(
    real: RealImages, ipc: int, config: DmConfig, generator: torch.Generator
) -> OptimisedImages:
    """Distil a class: optimise the pixels of some of its images.

    Each update draws a network and an augmentation, the same for real and synthetic images, and
    lowers the squared distance between their mean embeddings. Classes do not interact, so one class
    at a time gives the published loss, except that every class draws networks of its own.

    Args:
        real: (N, 3, S, S), uint8, of one class.
        ipc: Number of images to make.
        config: Settings.
        generator: Source of randomness, on CPU.

    Returns:
        Images (ipc, 3, S, S) and the loss before every update.

    Raises:
        ValueError: If there are fewer than `ipc` real images.
        FloatingPointError: If the loss is not finite.

    Source: DM (arXiv 2110.04181), Algorithm 1 and released code.
    """
    check_real_images("real", real, ipc, ipc)
    device, size = resolve_device(config.device), real.shape[-1]
    start = to_unit(real[draw_rows(len(real), ipc, generator)], device)
    pixels = normalize(start).requires_grad_()
    optimizer = torch.optim.SGD([pixels], lr=config.learning_rate, momentum=config.momentum)
    losses = LossCurve("DM", config.iterations)
    seed = int(torch.randint(2**31, (), generator=generator))
    with reproducible(None), seeded_globals(device, seed):
        for _ in range(config.iterations):
            network = build_network(config.network, 1, size).requires_grad_(False).to(device)
            rows = draw_rows(len(real), config.batch_real, generator)
            targets = normalize(to_unit(real[rows], device))
            loss = _distance_of_means(network, targets, pixels, config, generator)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.add(loss)
    return OptimisedImages(to_bytes(denormalize(pixels)), losses.values())


def _distance_of_means(
    network: torch.nn.Module,
    real: torch.Tensor,
    synthetic: torch.Tensor,
    config: DmConfig,
    generator: torch.Generator,
) -> torch.Tensor:
    size = real.shape[-1]
    drawn = draw_siamese(1, size, generator, shared=True, strategy=config.strategy)
    embed = network.get_submodule("features")
    with torch.no_grad():
        target = embed(apply_siamese(real, drawn)).mean(0)
    distance: torch.Tensor = embed(apply_siamese(synthetic, drawn)).mean(0) - target
    return distance.square().sum()
