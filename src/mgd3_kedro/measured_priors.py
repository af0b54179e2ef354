"""Expected times of the stages that train a prior, measured on a small batch of each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mgd3_kedro.timing import SAMPLES, time_call, time_network, time_samples

if TYPE_CHECKING:
    import torch

    from mgd3_kedro.training.settings import LoopConfig

Load = Callable[[str], Any]
"""Catalog entry -> its value."""
BOTH = 2
"""Forward passes of a step with classifier-free guidance: with a class, and without."""


def measure_autoencoder(load: Load) -> float:
    """Return the expected seconds for training an autoencoder."""
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
    """Return the expected seconds for training a denoiser."""
    import torch

    from mgd3_kedro.training.denoiser import denoiser_loss

    config = load("params:pretrain.denoiser")
    model, shape = _build_denoiser(load)
    latents, labels = torch.zeros(SAMPLES, *shape), torch.zeros(SAMPLES, dtype=torch.int64)

    def loss_on(device: torch.device) -> Callable[..., torch.Tensor]:
        ones = latents.to(device)
        return denoiser_loss(ones, labels, config, 0, ones if config.flip_probability else None)

    return _measure_loop(model, loss_on, config, load("params:device"))


def measure_tuning(load: Load) -> float:
    """Return the expected seconds for choosing a guidance scale."""
    from mgd3_kedro.pipelines.pretrain.tuning import SEEDS

    benchmark, config, evaluation = map(
        load, ("benchmark", "params:pretrain.tuning", "params:evaluation")
    )
    classes, size = len(benchmark.classes), evaluation.side_of(benchmark.image_size)
    of_image, _ = time_network(config.network, classes, size, config.schooling(evaluation))
    trained = of_image * config.epochs * len(SEEDS)
    drawn = config.samples_per_class * classes * len(config.guidance_scales)
    return (_measure_drawing(load) + trained) * drawn


def measure_judged(load: Load) -> float:
    """Return the expected seconds for drawing the samples that the judge classifies."""
    judged = load("params:pretrain.judge").samples_per_class * len(load("benchmark").classes)
    return _measure_drawing(load) * judged


def measure_judge(load: Load) -> float:
    """Return the expected seconds for training the judge, a classifier of real images."""
    benchmark, config = load("benchmark"), load("params:pretrain.judge")
    schooling = config.schooling(load("params:evaluation"))
    counts = [images.count for images in load("train_images").values()]
    size = config.image_size or schooling.side_of(benchmark.image_size)
    of_image, _ = time_network(config.network, len(counts), size, schooling)
    epochs = schooling.plan(max(counts), len(counts), config.network).epochs
    return of_image * sum(counts) * epochs


def _measure_drawing(load: Load) -> float:
    """Return the seconds for drawing one sample with classifier-free guidance."""
    import torch

    from mgd3_kedro.devices import PRECISIONS, matmul_precision, resolve_device
    from mgd3_kedro.pipelines.pretrain.images import as_shipped

    diffusion = load("params:diffusion")
    where, precision = resolve_device(diffusion.device), PRECISIONS[diffusion.precision]
    model, shape = _build_denoiser(load)
    model = as_shipped(model, diffusion.precision).to(where)
    noise = torch.zeros(SAMPLES, *shape, device=where, dtype=precision.dtype)
    zeros = torch.zeros(SAMPLES, dtype=torch.int64, device=where)
    with torch.no_grad(), matmul_precision(precision):
        seconds = time_samples(lambda: model(noise, timestep=zeros, class_labels=zeros))
    return seconds * BOTH * int(diffusion.num_inference_steps)


def _build_denoiser(load: Load) -> tuple[torch.nn.Module, tuple[int, int, int]]:
    """Return a denoiser with initial weights, and the shape (C, H, W) of a latent."""
    from diffusers import AutoencoderKL

    from mgd3_kedro.training.denoiser import build_denoiser

    benchmark, config = load("benchmark"), load("params:pretrain.autoencoder")
    channels, levels = config.latent_channels, len(config.block_channels)
    if config.given:
        known = AutoencoderKL.load_config(config.given)
        channels, levels = known["latent_channels"], len(known["block_out_channels"])
    side = benchmark.image_size // 2 ** (levels - 1)
    shape = (channels, side, side)
    model = build_denoiser(load("params:pretrain.denoiser"), shape, len(benchmark.classes))
    return model, shape


def _measure_loop(
    model: torch.nn.Module,
    loss_on: Callable[[torch.device], Callable[..., torch.Tensor]],
    config: LoopConfig,
    device: str,
) -> float:
    """Return the expected seconds of a training, measured on updates with few samples."""
    from dataclasses import replace

    import torch

    from mgd3_kedro.devices import resolve_device
    from mgd3_kedro.network_ops import move_average
    from mgd3_kedro.training.acceleration import (
        build_optimizer,
        choose_attention,
        fast_kernels,
    )
    from mgd3_kedro.training.batches import batch_at

    where, amp = resolve_device(device), config.number_format.dtype
    model, loss_of = model.to(where), loss_on(where)
    average, optimizer = copy.deepcopy(model), build_optimizer(model, config, where)
    choose_attention(model, config, where)
    few = replace(config, batch_size=SAMPLES)

    def pass_both_ways() -> None:
        with torch.autocast(where.type, amp, enabled=amp is not torch.float32):
            loss = loss_of(model, batch_at(0, SAMPLES, few, where))
        loss.backward()

    def update() -> None:
        optimizer.step()
        move_average(average, model, config.ema_decay)

    with fast_kernels(config.number_format):
        of_sample, of_update = time_samples(pass_both_ways), time_call(update)
    return (of_sample * config.batch_size + of_update) * config.steps
