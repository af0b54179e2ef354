"""Expected times of nodes that never ran here, measured on a small batch of the same work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mgd3_kedro import measured_priors
from mgd3_kedro.timing import SAMPLES, time_network, time_samples

Load = Callable[[str], Any]
"""Catalog entry -> its value."""


def measure_encoding(load: Load) -> float:
    """Return the expected seconds per class for encoding the real images."""
    import torch

    from mgd3_kedro.backbones import load_autoencoder

    benchmark, images = load("benchmark"), load("train_images")
    autoencoder = load_autoencoder(load("prior").load(), load("params:autoencoder"))
    size = benchmark.image_size
    some = torch.zeros(SAMPLES, 3, size, size, dtype=torch.uint8)
    count = sum(partition.count for partition in images.values())
    return time_samples(lambda: autoencoder.encode(some)) * count / len(benchmark.classes)


def measure_drawing(load: Load) -> float:
    """Return the expected seconds per class for denoising one image for every mode."""
    return _time_image(load) * load("params:modes").ipc


def _time_image(load: Load) -> float:
    """Return the seconds for denoising one image."""
    import torch

    from mgd3_kedro.backbones import load_backbone, settle_settings

    benchmark, model = load("benchmark"), load("prior").load()
    backbone = load_backbone(model, settle_settings(model, load("params:diffusion")))
    classes = [benchmark.classes[0]] * SAMPLES
    latents, conditions = torch.zeros(SAMPLES, *backbone.latent_shape), backbone.conditions(classes)
    latents, last = latents.to(backbone.device), len(backbone.timesteps) - 1
    with torch.no_grad():
        seconds = time_samples(lambda: backbone.step(last, latents, conditions))
    return seconds * len(backbone.timesteps)


def measure_groups(load: Load) -> float:
    """Return the expected seconds per class for denoising several groups of images."""
    method = load("params:method")
    return measure_drawing(load) * int(load(f"params:methods.{method}.groups"))


def measure_candidates(load: Load) -> float:
    """Return the expected seconds per class for denoising the candidates of every increment."""
    from mgd3_kedro.pipelines.guided_generate.procedures.increments import Increments

    own = f"params:methods.{load('params:method')}"
    ipc, size = int(load("params:ipc")), int(load(f"{own}.increment_size"))
    draws = Increments(ipc, size, int(load(f"{own}.kappa"))).draws
    return _time_image(load) * draws * size


def measure_networks(load: Load) -> float:
    """Return the expected seconds per training, with the configured number side by side."""
    from mgd3_kedro.executors import ONE_PER_CORE, count_cores

    benchmark, config, trainings = map(load, ("benchmark", "params:evaluation", "params:trainings"))
    classes, ipc = len(benchmark.classes), int(load("params:ipc"))
    size = config.side_of(benchmark.image_size)
    tested = config.validations * sum(images.count for images in load("test_images").values())
    seconds = 0.0
    for name in trainings.networks:
        of_image, of_tested = time_network(name, classes, size, config)
        seconds += of_image * ipc * classes * config.plan(ipc, classes, name).epochs
        seconds += of_tested * tested
    workers = load("params:workers.trainings")
    workers = count_cores() if workers == ONE_PER_CORE else workers
    side_by_side = min(workers, len(trainings.networks) * trainings.repeats)
    return seconds / len(trainings.networks) / side_by_side


MEASURES: dict[str, Callable[[Load], float]] = {
    "encode.encode_images": measure_encoding,
    "guided_generate.distill_images": measure_drawing,
    "guided_generate.draw_groups": measure_groups,
    "guided_generate.draw_candidates": measure_candidates,
    "train_eval.train_networks": measure_networks,
    "train_autoencoder": measured_priors.measure_autoencoder,
    "train_denoiser": measured_priors.measure_denoiser,
    "tune_guidance": measured_priors.measure_tuning,
    "draw_latents": measured_priors.measure_judged,
    "train_judge": measured_priors.measure_judge,
}
"""Node -> function that returns the expected seconds of one of its parts."""
NEEDS = {"guided_generate.distill_images": "params:diffusion", "encode.encode_images": "prior"}
"""Node -> input that it must read for its measure to apply; other methods draw nothing."""
