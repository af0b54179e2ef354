"""Nodes that draw the denoising of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mgd3_kedro.backbones import (
    AutoencoderConfig,
    BackboneConfig,
    load_autoencoder,
    load_backbone,
)
from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.figures import draw_image_grid
from mgd3_kedro.pipelines.illustrate_steps.recording import RecordingBackbone
from mgd3_kedro.sampling import (
    SamplingConfig,
    denoise,
    gather_facts,
    image_generator,
    survey_class,
)
from mgd3_kedro.sampling.conditionings import refuse_compiled
from mgd3_kedro.stages import Made, Partition, Stage, Task, off_at, selecting

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class StepsConfig:
    """Configuration of the pictures.

    Args:
        stops: Steps at which guidance stops, as shares of all steps: 1 never guides, 0 guides to
            the end.
        columns: Number of steps that are shown, from the first to the last.
        classes: Number of classes that are shown, the first ones, with one image each.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    stops: Sequence[float]
    columns: int
    classes: int = selecting()

    def __post_init__(self) -> None:
        if isinstance(self.stops, str) or not self.stops:
            raise ValueError(f"stops: expected a list of shares, got {self.stops!r}")
        for share in self.stops:
            check_range("stops", share, 0, 1)
        check_count("columns", self.columns, 2)
        check_count("classes", self.classes)


@dataclass(frozen=True)
class Drawing:
    """Settings of the stage.

    Args:
        config: Configuration of the pictures.
        diffusion: Configuration of the backbone.
        autoencoder: Configuration of the autoencoder.
        sampling: Start and guidance of sampling.
        image_size: Side of the images, in pixels.
        seed: Seed of the data set.
        among: Classes of the benchmark, if sampling also conditions on other classes; else empty.
    """

    config: StepsConfig
    diffusion: BackboneConfig
    autoencoder: AutoencoderConfig
    sampling: SamplingConfig
    image_size: int
    seed: int
    among: tuple[ClassSpec, ...] = off_at((), default=())


@dataclass(frozen=True)
class ShownClass:
    """The class of a task.

    Args:
        spec: The class.
        twin: Number of earlier classes with the same class index.
    """

    spec: ClassSpec
    twin: int


def draw_steps(
    benchmark: Benchmark,
    latents: Mapping[str, Partition],
    modes: Mapping[str, Partition],
    prior: Partition,
    steps: StepsConfig,
    diffusion: BackboneConfig,
    autoencoder: AutoencoderConfig,
    sampling: SamplingConfig,
    seed: int,
) -> Stage:
    """Plan image 0 of the first classes, once for every step at which guidance stops.

    Args:
        benchmark: The classes.
        latents: wnid -> latents of the real images (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W); image 0 is guided to the first mode.
        prior: Weights of the model.
        steps: Configuration of the pictures.
        diffusion: Configuration of the backbone.
        autoencoder: Configuration of the autoencoder.
        sampling: Start and guidance of sampling.
        seed: Seed of the data set.

    Returns:
        wnid -> `frames` (R, Q, 3, S, S), uint8, for R stops and Q steps.

    Source: MGD3 (arXiv 2505.18963), Figures 9 and 11.
    """
    refuse_compiled(diffusion.compile, sampling.conditioning)
    guided = sampling.with_steps(diffusion.num_inference_steps, diffusion.reference_steps)
    twins = benchmark.twins
    tasks = {
        spec.wnid: Task(
            {"latents": latents[spec.wnid], "modes": modes[spec.wnid], "prior": prior},
            ShownClass(spec, twins[spec.wnid]),
        )
        for spec in benchmark.classes[: steps.classes]
    }
    among = benchmark.classes if guided.mixes_classes else ()
    return Stage(
        draw_steps_of_classes,
        tasks,
        Drawing(steps, diffusion, autoencoder, guided, benchmark.image_size, seed, among),
    )


def draw_steps_of_classes(batch: Mapping[str, Task], settings: Drawing) -> dict[str, Made]:
    """Sample image 0 of some classes with every stop, and decode the predictions at each step.

    Source: MGD3 (arXiv 2505.18963), Figures 9 and 11.
    """
    made = {}
    for wnid, task in batch.items():
        model = task.inputs["prior"]
        backbone = load_backbone(model, settings.diffusion)
        autoencoder = load_autoencoder(model, settings.autoencoder)
        total = len(backbone.timesteps)
        shown = sorted({*np.linspace(total - 1, 0, settings.config.columns).round().astype(int)})
        rows, frames = [], []
        varied = vary_stops(settings.sampling, settings.config.stops, backbone.timesteps)
        for sampling in varied:
            seen = record_image(backbone, task, sampling, settings.seed, shown, settings.among)
            # Sampling that starts from a noised mode skips the first steps.
            latents = torch.cat([seen.get(step, seen[max(seen)]) for step in reversed(shown)])
            frames.append(autoencoder.decode(latents, settings.image_size))
            guided = sampling.guided_steps(backbone.timesteps)
            rows.append(
                {
                    "guided_steps": " ".join(map(str, guided)),
                    "name": _name(stop_of(sampling, backbone.timesteps), total),
                    "chosen": sampling == settings.sampling,
                    "steps": " ".join(str(step) for step in reversed(shown)),
                }
            )
        made[wnid] = Made({"frames": torch.stack(frames)}, len(rows), rows=tuple(rows))
    return made


def vary_stops(
    sampling: SamplingConfig, shares: Sequence[float], timesteps: Sequence[int]
) -> list[SamplingConfig]:
    """Return sampling configurations with every stop, and the configured one, latest stop last.

    Args:
        sampling: Configured sampling. Only the configured one keeps a guidance window, because a
            window replaces the stop.
        shares: Stops, as shares of all steps.
        timesteps: The T visited timesteps, ascending.
    """
    stops: dict[str, Any] = {"stop_guidance_timestep": None, "mode_guidance_window": None}
    varied = [
        replace(sampling, stop_guidance_step=stop, **stops)
        for stop in sorted({round(share * len(timesteps)) for share in shares})
    ]
    among = varied if sampling in varied else [sampling, *varied]
    return sorted(among, key=lambda one: stop_of(one, timesteps), reverse=True)


def stop_of(sampling: SamplingConfig, timesteps: Sequence[int]) -> int:
    """Return the step at which guidance stops; the step before it is the last guided one."""
    return min(sampling.guided_steps(timesteps), default=len(timesteps)) - 1


def record_image(
    backbone: Backbone,
    task: Task,
    sampling: SamplingConfig,
    seed: int,
    steps: Sequence[int],
    among: Sequence[ClassSpec] = (),
) -> dict[int, torch.Tensor]:
    """Sample image 0 of a class, and return the predicted clean latent at some steps.

    Returns:
        Step -> predicted clean latent, (1, C, H, W).

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    real, modes = task.inputs["latents"]["latents"], task.inputs["modes"]["modes"]
    # Images that depend on each other are sampled together. If they are sampled in turn, image 0
    # is the first and depends on no other.
    count = len(modes) if sampling.joint_settings and not sampling.in_turn else 1
    subject: ShownClass = task.about
    traits = survey_class(real, modes, sampling)
    generators = [
        image_generator(seed, subject.spec.class_index, image, 0, subject.twin)
        for image in range(count)
    ]
    recorder = RecordingBackbone(backbone, frozenset(steps))
    denoise(
        recorder,
        modes[:count],
        [subject.spec] * count,
        sampling,
        generators,
        {name: trait[:count] for name, trait in traits.items()},
        {subject.spec: gather_facts(real, task.inputs["modes"], seed, sampling)},
        among,
    )
    return {step: latents[:1] for step, latents in recorder.seen.items()}


def draw_strip(benchmark: Benchmark, denoising_frames: Mapping[str, Partition]) -> Image:
    """Draw the first class: a row per stop, a column per step.

    Source: MGD3 (arXiv 2505.18963), Figures 9 and 11.
    """
    wnid, partition = next(iter(denoising_frames.items()))
    frames: Any = partition.load()["frames"].numpy()
    (spec,) = (spec for spec in benchmark.classes if spec.wnid == wnid)
    return draw_image_grid(
        [list(row) for row in frames],
        [f"stop at {row['name']}" for row in partition.rows],
        [f"step {step}" for step in partition.rows[0]["steps"].split()],
        title=f"{benchmark.name}, {spec.class_name}: what is expected at each step",
    )


def _name(stop: int, total: int) -> str:
    if stop == total - 1:
        return "never guided"
    return str(stop) if stop > 0 else "0, the end"
