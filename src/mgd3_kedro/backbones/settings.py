"""How a diffusion model and its autoencoder are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import TIMESTEP_SPACINGS
from mgd3_kedro.checks import check_choice, check_count, check_range, lookup
from mgd3_kedro.devices import PRECISIONS, check_device
from mgd3_kedro.stages import neutral, off_at

CLASS_NAME = "{class_name}"
AUTO = "auto"
FREQUENCY_SHIFTS = {"diffusers": 1.0, "official": 0.0}
"""Code whose time embedding a diffusion transformer was trained with -> shift s. The frequencies
are 10000^(-i / (128 - s)), i = 0..127."""


class Placement(Protocol):
    """The precision, compilation and device of a model."""

    @property
    def precision(self) -> str:
        """A name of `PRECISIONS`."""

    @property
    def compile(self) -> bool:
        """Whether to compile it."""

    @property
    def device(self) -> str:
        """A name of `DEVICES`."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """How images are encoded and decoded.

    Args:
        precision: A name of `PRECISIONS`.
        compile: Compile the model.
        device: A name of `DEVICES`.
        given: Folder, or id on the Hugging Face hub, of an `AutoencoderKL` to use instead of the
            model's own; None for the model's own.

    Raises:
        ValueError: If a value is not valid; the message names the setting.
    """

    precision: str
    compile: bool
    device: str = neutral()
    given: str | None = off_at(None, default=None)

    def __post_init__(self) -> None:
        lookup(PRECISIONS, self.precision, "precision")
        check_device(self.device)


@dataclass(frozen=True)
class BackboneConfig:
    """Settings of the reverse process that are the same for all methods.

    Args:
        sampler: A name of `SAMPLERS`.
        num_inference_steps: Number of steps T.
        timestep_spacing: A name of `TIMESTEP_SPACINGS`.
        reference_steps: T that lambda was tuned for. With another T the pull is rescaled so that
            its sum stays the same. None: no rescaling.
        guidance_scale: Scale of classifier-free guidance; 1 switches it off.
        cfg_channels: Number of latent channels that are guided, None for all.
        cfg_from_timestep: Lowest training timestep that is guided.
        cfg_to_timestep: Highest training timestep that is guided.
        prompt_template: Prompt of text-to-image models, with `{class_name}` in it.
        negative_prompt: Prompt that they are guided away from.
        precision: A name of `PRECISIONS`.
        compile: Compile the network.
        max_batch: Most images that are denoised at once.
        device: A name of `DEVICES`.
        time_frequencies: A name of `FREQUENCY_SHIFTS`, for diffusion transformers only. "auto":
            "official" for the published weights, otherwise "diffusers".

    Raises:
        ValueError: If a value is not valid; the message names the setting.
    """

    sampler: str
    num_inference_steps: int
    timestep_spacing: str
    reference_steps: int | None
    guidance_scale: float
    cfg_channels: int | None
    cfg_from_timestep: int
    cfg_to_timestep: int
    prompt_template: str
    negative_prompt: str
    precision: str
    compile: bool
    max_batch: int = neutral()
    device: str = neutral()
    time_frequencies: str = off_at(AUTO, default=AUTO)

    def __post_init__(self) -> None:
        lookup(SAMPLERS, self.sampler, "sampler")
        check_count("num_inference_steps", self.num_inference_steps, 2, 1000)
        lookup(TIMESTEP_SPACINGS, self.timestep_spacing, "timestep spacing")
        if self.reference_steps is not None:
            check_count("reference_steps", self.reference_steps, 2, 1000)
        check_range("guidance_scale", self.guidance_scale, 0)
        if self.cfg_channels is not None:
            check_count("cfg_channels", self.cfg_channels)
        check_count("cfg_from_timestep", self.cfg_from_timestep, 0)
        check_count("cfg_to_timestep", self.cfg_to_timestep, self.cfg_from_timestep)
        if CLASS_NAME not in self.prompt_template:
            raise ValueError(
                f"prompt_template: expected {CLASS_NAME} in it, got {self.prompt_template!r}"
            )
        lookup(PRECISIONS, self.precision, "precision")
        check_count("max_batch", self.max_batch)
        check_choice("time_frequencies", self.time_frequencies, (AUTO, *FREQUENCY_SHIFTS))
        check_device(self.device)

    def uses_null_class(self, timestep: int) -> bool:
        """Return whether classifier-free guidance acts at a training timestep.

        Source: guidance in a limited interval (arXiv 2404.07724), section 3.
        """
        inside = self.cfg_from_timestep <= timestep <= self.cfg_to_timestep
        return self.guidance_scale != 1 and inside
