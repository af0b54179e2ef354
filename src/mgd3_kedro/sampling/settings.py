"""How samples are drawn from a backbone, given modes."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.sampling.initial import INITIAL_LATENTS


@dataclass(frozen=True)
class SamplingConfig:
    """What distinguishes one generative method from another.

    Args:
        initial_latents: A name of `INITIAL_LATENTS`.
        noise_strength: Share of the steps run when the start is a noised mode, 0..1.
        mode_guidance_scale: Lambda; 0 is no guidance.
        stop_guidance_step: t_SG; steps with index above it are guided.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    initial_latents: str
    noise_strength: float
    mode_guidance_scale: float
    stop_guidance_step: int

    def __post_init__(self) -> None:
        lookup(INITIAL_LATENTS, self.initial_latents, "kind of initial latents")
        check_range("noise_strength", self.noise_strength, 0, 1, low_open=True)
        check_range("mode_guidance_scale", self.mode_guidance_scale, 0)
        check_count("stop_guidance_step", self.stop_guidance_step, 0)

    def guides(self, index: int) -> bool:
        """Tell whether a step is guided.

        Source: MGD3 (arXiv 2505.18963), stop guidance; strict, as in the released code.
        """
        return self.mode_guidance_scale > 0 and index > self.stop_guidance_step

    def guided_steps(self, num_inference_steps: int) -> int:
        """Count the guided steps of a run from pure noise."""
        return sum(self.guides(index) for index in range(num_inference_steps))
