"""How samples are drawn from a backbone, given modes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.sampling.initial import INITIAL_LATENTS

MODE_GUIDANCE_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "linear": lambda share: share,
    "cosine": lambda share: (1 - math.cos(math.pi * share)) / 2,
}
"""Share of the guided steps still to come, this one included -> factor of lambda."""


@dataclass(frozen=True)
class SamplingConfig:
    """What distinguishes one generative method from another.

    Args:
        initial_latents: A name of `INITIAL_LATENTS`.
        noise_strength: Share of the steps run when the start is a noised mode, 0..1.
        mode_guidance_scale: Lambda; 0 is no guidance.
        mode_guidance_schedule: A name of `MODE_GUIDANCE_SCHEDULES`.
        stop_guidance_step: t_SG as a step index; steps with a higher one are guided.
        stop_guidance_timestep: t_SG as a timestep of training; the other of the two is None.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    initial_latents: str
    noise_strength: float
    mode_guidance_scale: float
    mode_guidance_schedule: str
    stop_guidance_step: int | None
    stop_guidance_timestep: int | None

    def __post_init__(self) -> None:
        lookup(INITIAL_LATENTS, self.initial_latents, "kind of initial latents")
        check_range("noise_strength", self.noise_strength, 0, 1, low_open=True)
        check_range("mode_guidance_scale", self.mode_guidance_scale, 0)
        lookup(MODE_GUIDANCE_SCHEDULES, self.mode_guidance_schedule, "mode guidance schedule")
        stops = {
            name: getattr(self, name) for name in ("stop_guidance_step", "stop_guidance_timestep")
        }
        given = {name: value for name, value in stops.items() if value is not None}
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(stops)}: expected one of the two and null for the other, "
                f"got {' and '.join(map(str, stops.values()))}"
            )
        for name, value in given.items():
            check_count(name, value, 0)

    def scale_at(self, index: int, timesteps: Sequence[int]) -> float:
        """Return lambda at a step index, 0 where guidance has stopped.

        Args:
            index: Step index i.
            timesteps: The T visited timesteps, ascending.

        Source: MGD3 (arXiv 2505.18963), stop guidance; strict, as in the released code.
        """
        guided = self._guided(timesteps)
        if index not in guided:
            return 0.0
        share = (index - guided.start + 1) / len(guided)
        return self.mode_guidance_scale * MODE_GUIDANCE_SCHEDULES[self.mode_guidance_schedule](
            share
        )

    def guided_steps(self, timesteps: Sequence[int]) -> int:
        """Count the guided steps of a run from pure noise."""
        return len(self._guided(timesteps))

    def _guided(self, timesteps: Sequence[int]) -> range:
        if self.mode_guidance_scale == 0:
            return range(0)
        if self.stop_guidance_step is not None:
            return range(self.stop_guidance_step + 1, len(timesteps))
        stop = self.stop_guidance_timestep or 0
        return range(sum(timestep <= stop for timestep in timesteps), len(timesteps))
