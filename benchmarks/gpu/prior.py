"""A prior for photos, trained for the remaining time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from benchmarks.gpu.schedule import Found, GpuBench
from benchmarks.timing import spread_of
from mgd3_kedro.api.settings import Settings
from mgd3_kedro.devices import resolve_device
from mgd3_kedro.new_project import make_project
from mgd3_kedro.training.autoencoder import (
    AutoencoderTrainingConfig,
    autoencoder_loss,
    build_autoencoder,
)
from mgd3_kedro.training.denoiser import DenoiserConfig, build_denoiser, denoiser_loss
from mgd3_kedro.training.loop import train

PROBED_STEPS = 20
PROBED_SAMPLES = 512
CLASSES = 10
AROUND = 60.0
"""Seconds for work that does not depend on the training length: starting, indexing, encoding."""
SHARES = {"autoencoder": 0.35, "denoiser": 0.5}
"""Shares of the remaining time; the rest is for the choice of a guidance scale and the judge."""
PHOTOS: Mapping[str, Any] = {
    "pretrain.autoencoder.block_channels": [64, 128, 256],
    "pretrain.autoencoder.batch_size": 64,
    "pretrain.autoencoder.learning_rate": 1e-3,
    "pretrain.autoencoder.precision": "bf16",
    "pretrain.denoiser.layers": 12,
    "pretrain.denoiser.heads": 5,
    "pretrain.denoiser.head_dim": 64,
    "pretrain.denoiser.patch_size": 2,
    "pretrain.denoiser.batch_size": 256,
    "pretrain.denoiser.precision": "bf16",
    "pretrain.denoiser.compile": False,
    "pretrain.tuning.guidance_scales": [1.5, 2.5],
    "pretrain.tuning.samples_per_class": 20,
    "pretrain.judge.epochs": 6,
    "pretrain.judge.samples_per_class": 50,
}
"""A prior of 24 million parameters; all other settings are those of the environment."""
DIGITS: Mapping[str, Any] = {
    "pretrain.tuning.guidance_scales": [2.0],
    "pretrain.tuning.samples_per_class": 2,
    "pretrain.tuning.epochs": 1,
    "pretrain.judge.epochs": 1,
    "pretrain.judge.samples_per_class": 2,
    "diffusion.num_inference_steps": 5,
}


def train_prior(bench: GpuBench) -> Iterator[Found | str]:
    """Train a prior as `kedro run --pipelines=pretrain` does, for the remaining time."""
    if not bench.small and bench.data is None:
        yield "left out, as no folder of photos is given; name one with --data"
        return
    env, given = ("mnist", DIGITS) if bench.small else ("imagenette64", PHOTOS)
    settings = Settings(env, given)
    asked = settings.parameters["pretrain"]
    autoencoder = AutoencoderTrainingConfig(**asked["autoencoder"])
    denoiser = DenoiserConfig(**asked["denoiser"])
    paces = {
        "autoencoder": _probe_autoencoder(bench, autoencoder, settings.image_size),
        "denoiser": _probe_denoiser(bench, autoencoder, denoiser, settings.image_size),
    }
    steps = {}
    for part, (seconds, parameters) in paces.items():
        yield Found(f"gpu_{env}_{part}_steps_per_second", spread_of([1 / seconds]))
        fitting = max(1, int(SHARES[part] * (bench.left - AROUND) / seconds))
        steps[part] = PROBED_STEPS if bench.small else fitting
        yield f"{part}: {parameters / 1e6:.1f} million parameters, {steps[part]} steps"
    params = {
        **given,
        **{f"pretrain.{part}.steps": count for part, count in steps.items()},
        "device": bench.device,
        "trained_prior": (bench.out / "prior").absolute(),
        **({"data": bench.data.absolute()} if bench.data and not bench.small else {}),
    }
    project = bench.folder / "prior"
    make_project(project)
    options = ["--pipelines=pretrain", "--env", env, "--params", as_option(params)]
    with (bench.out / "prior.txt").open("w", encoding="utf-8") as file:
        command = [sys.executable, "-m", "kedro", "run", *options]
        subprocess.run(command, cwd=project, stdout=file, stderr=file, check=True)
    yield f"trained, with its card in {bench.out / 'prior'}"


def as_option(params: Mapping[str, Any]) -> str:
    """Return parameters as a value for `--params`."""

    def text(value: Any) -> str:
        if isinstance(value, list):
            return f"[{'; '.join(map(text, value))}]"
        return str(value).lower() if isinstance(value, bool) else str(value)

    return ",".join(f"{name}={text(value)}" for name, value in params.items())


def _probe_autoencoder(
    bench: GpuBench, config: AutoencoderTrainingConfig, image_size: int
) -> tuple[float, int]:
    device = resolve_device(bench.device)
    shape = (PROBED_SAMPLES, 3, image_size, image_size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    return _probe(
        bench,
        lambda: build_autoencoder(config, image_size),
        autoencoder_loss(images, config),
        config,
    )


def _probe_denoiser(
    bench: GpuBench, autoencoder: AutoencoderTrainingConfig, config: DenoiserConfig, image_size: int
) -> tuple[float, int]:
    device = resolve_device(bench.device)
    side = image_size // 2 ** (len(autoencoder.block_channels) - 1)
    shape = (autoencoder.latent_channels, side, side)
    latents = torch.randn(PROBED_SAMPLES, *shape, device=device)
    labels = torch.arange(PROBED_SAMPLES) % CLASSES
    loss = denoiser_loss(latents, labels, config, CLASSES, latents.flip(-1))
    return _probe(bench, lambda: build_denoiser(config, shape, CLASSES), loss, config)


def _probe(
    bench: GpuBench,
    build: Callable[[], torch.nn.Module],
    loss: Callable[..., torch.Tensor],
    config: AutoencoderTrainingConfig | DenoiserConfig,
) -> tuple[float, int]:
    """Return the seconds per step, without the first steps, and the number of parameters."""
    device = resolve_device(bench.device)
    times = []
    for steps in (PROBED_STEPS // 4, PROBED_STEPS):
        model = build()
        begun = time.perf_counter()
        train(
            model,
            loss,
            PROBED_SAMPLES,
            replace(config, steps=steps),
            checkpoint=bench.folder / "probe",
            identity=f"{type(config).__name__} {steps}",
            device=device,
            draw_on=device,
            seconds_between=3600.0,
        )
        times.append(time.perf_counter() - begun)
    seconds = max((times[1] - times[0]) / (PROBED_STEPS - PROBED_STEPS // 4), 1e-4)
    return seconds, sum(weights.numel() for weights in model.parameters())
