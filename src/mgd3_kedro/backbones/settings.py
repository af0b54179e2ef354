"""How a backbone is sampled."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.checks import check_choice, check_count, check_range, lookup
from mgd3_kedro.devices import DEVICES
from mgd3_kedro.stages import neutral


@dataclass(frozen=True)
class BackboneConfig:
    """Settings of the reverse process that no method changes.

    Args:
        sampler: A name of `SAMPLERS`.
        num_inference_steps: T.
        guidance_scale: Scale of classifier-free guidance; 1 switches it off.
        cfg_channels: Latent channels that guidance reaches, None for all.
        device: One of `DEVICES`.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    sampler: str
    num_inference_steps: int
    guidance_scale: float
    cfg_channels: int | None
    device: str = neutral()

    def __post_init__(self) -> None:
        lookup(SAMPLERS, self.sampler, "sampler")
        check_count("num_inference_steps", self.num_inference_steps, 2, 1000)
        check_range("guidance_scale", self.guidance_scale, 0)
        if self.cfg_channels is not None:
            check_count("cfg_channels", self.cfg_channels)
        check_choice("device", self.device, DEVICES)
