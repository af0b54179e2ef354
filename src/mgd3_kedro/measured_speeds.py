"""How long nodes may take that were never run here, from a small batch of the same work."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from mgd3_kedro.training.settings import LoopConfig

SAMPLES = 16
"""Of a batch that is timed: on a CPU, fewer take as long."""
LONG_ENOUGH = 2.0
"""Seconds of the first batch from which on it is not tried again, although the first is slower."""

Load = Callable[[str], Any]
"""Catalog entry -> its value."""


def time_samples(function: Callable[[], object]) -> float:
    """Return the seconds that one of `SAMPLES` samples takes.

    Args:
        function: Computes them; on a GPU, until they are there.
    """
    import torch

    def done() -> None:
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    seconds = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        done()
        seconds = time.perf_counter() - begun
        if seconds >= LONG_ENOUGH:
            break
    return seconds / SAMPLES


def measure_encoding(load: Load) -> float:
    """Return the seconds that encoding takes, a class."""
    import torch

    from mgd3_kedro.backbones import load_autoencoder

    benchmark, images = load("benchmark"), load("train_images")
    autoencoder = load_autoencoder(load("prior").load(), load("params:autoencoder"))
    size = benchmark.image_size
    some = torch.zeros(SAMPLES, 3, size, size, dtype=torch.uint8)
    count = sum(partition.count for partition in images.values())
    return time_samples(lambda: autoencoder.encode(some)) * count / len(benchmark.classes)


def measure_drawing(load: Load) -> float:
    """Return the seconds that denoising takes, a class."""
    import torch

    from mgd3_kedro.backbones import load_backbone, settle_settings

    benchmark, model = load("benchmark"), load("prior").load()
    backbone = load_backbone(model, settle_settings(model, load("params:diffusion")))
    classes = [benchmark.classes[0]] * SAMPLES
    latents, conditions = torch.zeros(SAMPLES, *backbone.latent_shape), backbone.conditions(classes)
    latents, last = latents.to(backbone.device), len(backbone.timesteps) - 1
    with torch.no_grad():
        seconds = time_samples(lambda: backbone.step(last, latents, conditions))
    return seconds * len(backbone.timesteps) * int(load("params:ipc"))


def measure_networks(load: Load) -> float:
    """Return the seconds that a training takes, where as many run side by side as are asked for."""
    import torch

    from mgd3_kedro.devices import resolve_device
    from mgd3_kedro.evaluation import build_network
    from mgd3_kedro.executors import ONE_PER_CORE, count_cores

    benchmark, config, trainings = map(load, ("benchmark", "params:evaluation", "params:trainings"))
    classes, ipc = len(benchmark.classes), int(load("params:ipc"))
    size, device = config.side_of(benchmark.image_size), resolve_device(config.device)
    images = torch.zeros(SAMPLES, 3, size, size, device=device)
    seconds = 0.0
    for name in trainings.networks:
        with torch.random.fork_rng():
            network = build_network(name, classes, size).to(device)
        of_image = time_samples(partial(_train_once, network, images))
        seconds += of_image * ipc * classes * config.plan(ipc, classes, name).epochs
    workers = load("params:workers.trainings")
    workers = count_cores() if workers == ONE_PER_CORE else workers
    side_by_side = min(workers, len(trainings.networks) * trainings.repeats)
    return seconds / len(trainings.networks) / side_by_side


def measure_autoencoder(load: Load) -> float:
    """Return the seconds that training an autoencoder takes."""
    import torch

    from mgd3_kedro.training.autoencoder import autoencoder_loss, build_autoencoder

    config, size = load("params:pretrain.autoencoder"), load("benchmark").image_size
    if config.given:
        return 0.0
    images = torch.zeros(SAMPLES, 3, size, size, dtype=torch.uint8)
    return _measure_loop(
        build_autoencoder(config, size),
        lambda device: autoencoder_loss(images.to(device), config),
        config,
        load("params:device"),
    )


def measure_denoiser(load: Load) -> float:
    """Return the seconds that training a denoiser takes."""
    import torch

    from mgd3_kedro.training.denoiser import build_denoiser, denoiser_loss

    benchmark, autoencoder = load("benchmark"), load("params:pretrain.autoencoder")
    config = load("params:pretrain.denoiser")
    side = benchmark.image_size // 2 ** (len(autoencoder.block_channels) - 1)
    shape, classes = (autoencoder.latent_channels, side, side), len(benchmark.classes)
    latents, labels = torch.zeros(SAMPLES, *shape), torch.zeros(SAMPLES, dtype=torch.int64)
    return _measure_loop(
        build_denoiser(config, shape, classes),
        lambda device: denoiser_loss(latents.to(device), labels, config, classes),
        config,
        load("params:device"),
    )


def _measure_loop(
    model: torch.nn.Module,
    loss_on: Callable[[torch.device], Callable[..., torch.Tensor]],
    config: LoopConfig,
    device: str,
) -> float:
    """Return the seconds of a training, from updates with few samples."""
    from dataclasses import replace

    from mgd3_kedro.devices import resolve_device
    from mgd3_kedro.training.batches import batch_at

    where = resolve_device(device)
    model, loss_of = model.to(where), loss_on(where)
    few = replace(config, batch_size=SAMPLES)
    seconds = time_samples(lambda: loss_of(model, batch_at(0, SAMPLES, few, where)).backward())
    return seconds * config.batch_size * config.steps


def _train_once(network: torch.nn.Module, images: torch.Tensor) -> None:
    network(images).sum().backward()


MEASURES: dict[str, Callable[[Load], float]] = {
    "encode.encode_images": measure_encoding,
    "guided_generate.distill_images": measure_drawing,
    "train_eval.train_networks": measure_networks,
    "train_autoencoder": measure_autoencoder,
    "train_denoiser": measure_denoiser,
}
"""Node -> seconds that one of its parts, a class or a training, may take."""
NEEDS = {"guided_generate.distill_images": "params:diffusion", "encode.encode_images": "prior"}
"""What a node has to read for its measure to apply: other methods draw nothing."""
