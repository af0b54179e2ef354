"""How samples are drawn from a backbone, given modes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import chain
from typing import Any

from mgd3_kedro.checks import check_choice, check_count, check_range, lookup
from mgd3_kedro.sampling.candidates import CANDIDATE_SCORES
from mgd3_kedro.sampling.conditionings import CONDITIONINGS
from mgd3_kedro.sampling.coupling import NOISE_COUPLINGS
from mgd3_kedro.sampling.drift_settings import SetByDrifts, all_options, all_scales
from mgd3_kedro.sampling.guidance import DRIFTS, TRAITS
from mgd3_kedro.sampling.guidance.needs import Need
from mgd3_kedro.sampling.guidance.windows import Window, steps_within, with_steps
from mgd3_kedro.sampling.initial import INITIAL_LATENTS, steps_run
from mgd3_kedro.stages import off_at

MODE_GUIDANCE_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "linear": lambda share: share,
    "cosine": lambda share: (1 - math.cos(math.pi * share)) / 2,
}
"""Share of the guided steps still to come, this one included -> factor of lambda."""

INDEPENDENT = "independent"
"""Noise coupling with which images of a class do not depend on each other."""
FURTHER = ("further_scales", "further_options")
"""Fields for what drifts have."""
WINDOWED = "_window"
"""How the option ends that says at which steps a drift acts."""
STEERED_WITHOUT = {"initial_latents": "noise"}
"""What is no drift and has no default -> its value where nothing steers."""


@dataclass(frozen=True)
class SamplingConfig(metaclass=SetByDrifts):
    """What distinguishes one generative method from another.

    The settings that have a default are off with it, and the paper knows none of them.

    Args:
        initial_latents: A name of `INITIAL_LATENTS`.
        noise_strength: Share of the steps run when the start is a noised mode, 0..1.
        mode_guidance_scale: Lambda; 0 is no guidance.
        mode_guidance_schedule: A name of `MODE_GUIDANCE_SCHEDULES`.
        stop_guidance_step: t_SG as a step index; steps with a higher one are guided.
        stop_guidance_timestep: t_SG as a timestep of training; the other of the two is None.
        mode_guidance_adaptation: How far lambda follows 1 / variance of a class around its modes,
            0..1.
        tangent_components: Directions, found among the real latents near a mode, in which the pull
            is left to act; None is all.
        repulsion_scale: Of the push away from the other images of the class, in units of lambda and
            with its schedule and stop; 0 is none.
        noise_coupling: A name of `NOISE_COUPLINGS`.
        candidates: Draws per mode, of which one is kept.
        candidate_score: What it is kept for, one of `CANDIDATE_SCORES`.
        condition_noise: Of the noise that hides the class at first, as embeddings are; 0 is none.
        further_scales: Name of a drift or a conditioning without a field here -> its scale; given
            by that name.
        further_options: Name of an option -> its value, if not its default; given by that name.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    initial_latents: str
    noise_strength: float
    mode_guidance_scale: float
    mode_guidance_schedule: str
    stop_guidance_step: int | None
    stop_guidance_timestep: int | None
    mode_guidance_adaptation: float = 0.0
    tangent_components: int | None = None
    repulsion_scale: float = 0.0
    noise_coupling: str = "independent"
    candidates: int = 1
    candidate_score: str = "coverage"
    condition_noise: float = off_at(0, default=0.0)
    further_scales: Mapping[str, float] = field(default_factory=dict)
    further_options: Mapping[str, Any] = off_at({}, default_factory=dict)

    def __post_init__(self) -> None:
        lookup(INITIAL_LATENTS, self.initial_latents, "kind of initial latents")
        check_range("noise_strength", self.noise_strength, 0, 1, low_open=True)
        for name in self.further_scales:
            lookup(dict.fromkeys(all_scales()), name, "drift")
        for name in all_scales():
            most = CONDITIONINGS[name].most if name in CONDITIONINGS else math.inf
            check_range(name, self._scale(name), 0, most)
        known = all_options()
        for name, value in self.further_options.items():
            lookup(known, name, "option").check(name, value)
        if len(told := [name for name in CONDITIONINGS if name and self._scale(name)]) > 1:
            raise ValueError(
                f"{' and '.join(told)}: expected 0 for all but one of them, got others"
            )
        CONDITIONINGS[self.conditioning].check(self.options)
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
        check_range("mode_guidance_adaptation", self.mode_guidance_adaptation, 0, 1)
        if self.tangent_components is not None:
            check_count("tangent_components", self.tangent_components)
        lookup(NOISE_COUPLINGS, self.noise_coupling, "noise coupling")
        check_count("candidates", self.candidates)
        check_choice("candidate_score", self.candidate_score, CANDIDATE_SCORES)

    @property
    def traits(self) -> tuple[str, ...]:
        """What `survey_class` measures of a class: nothing where modes do not pull."""
        if self.mode_guidance_scale == 0:
            return ()
        return tuple(name for name in TRAITS if getattr(self, name))

    @property
    def needs(self) -> tuple[Need, ...]:
        """What `gather_facts` finds of a class, each once: what the drifts that are on need."""
        found = [DRIFTS[name].needs_with(self.options) for name in self._scales()]
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    @property
    def in_turn(self) -> bool:
        """Whether images of a class are drawn one after the other."""
        return any(DRIFTS[name].in_turn for name in self._scales())

    @property
    def sighted(self) -> tuple[str, ...]:
        """Scales of the drifts that are on and ask the network what it sees."""
        return tuple(name for name in self._scales() if DRIFTS[name].needs_sight)

    @property
    def starts_from_noise(self) -> bool:
        """Whether samples start from noise alone."""
        return self.initial_latents == STEERED_WITHOUT["initial_latents"]

    @property
    def choice(self) -> str | None:
        """What the draws of a mode are chosen by, None where there is one."""
        return self.candidate_score if self.candidates > 1 else None

    @property
    def conditioning(self) -> str | None:
        """Which of `CONDITIONINGS` changes what the network is told of a class."""
        return next((name for name in CONDITIONINGS if name and self._scale(name)), None)

    @property
    def strength(self) -> float:
        """How strongly it does, 0 where none does."""
        return self._scale(self.conditioning or "")

    @property
    def mixes_classes(self) -> bool:
        """Whether the network is told of another class, too."""
        other = CONDITIONINGS[self.conditioning].other
        return bool(self.options.get(other) or self._scale(other))

    @property
    def joint_settings(self) -> tuple[str, ...]:
        """Those that make images of a class depend on each other; a batch holds whole classes."""
        drifts = tuple(name for name in self._scales() if DRIFTS[name].joint)
        return (*drifts, *(("noise_coupling",) if self.noise_coupling != INDEPENDENT else ()))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings, those of drifts without a field included."""
        own = [one.name for one in fields(cls) if one.name not in FURTHER]
        return (*own, *(name for name in all_scales() if name not in own), *all_options())

    def as_columns(self) -> dict[str, Any]:
        """Return every setting by its name, the scales of all drifts included."""
        given, scales = {**vars(self), **self.options}, all_scales()
        return {name: self._scale(name) if name in scales else given[name] for name in self.names()}

    def plain(self) -> SamplingConfig:
        """Return the same settings with everything that steers or chooses off."""
        return replace(self, **self.off())

    @classmethod
    def off(cls) -> dict[str, Any]:
        """Return the value of every setting with which it neither steers nor chooses."""
        scales = dict.fromkeys(all_scales(), 0.0)
        defaults = {one.name: one.default for one in fields(cls) if one.default is not MISSING}
        options = {name: option.default for name, option in all_options().items()}
        return {**defaults, **scales, **options, **STEERED_WITHOUT}

    def with_steps(self, steps: int, reference: int | None) -> SamplingConfig:
        """Return the settings for another number of steps: guidance stops at the same noise.

        Args:
            steps: T.
            reference: T that the stop step was chosen for; None if it was chosen for this one.
        """
        if reference is None:
            return self
        windows: dict[str, Any] = {
            name: with_steps(value, steps, reference)
            for name, value in self.further_options.items()
            if name.endswith(WINDOWED)
        }
        stop = self.stop_guidance_step
        if stop is not None:
            stop = round(stop * steps / reference)
        return replace(self, stop_guidance_step=stop, **windows)

    def steps_run(self, steps: int) -> int:
        """Return how many of T steps are run, the last ones: all that follow the start."""
        return steps if self.starts_from_noise else steps_run(steps, self.noise_strength)

    def is_never_guided(self, timesteps: Sequence[int]) -> bool:
        """Tell whether guidance is asked for that reaches none of the steps that are run."""
        return bool(self._scales()) and not self.guided_steps(timesteps)

    def scales_at(self, index: int, timesteps: Sequence[int]) -> dict[str, float]:
        """Return the scale of each of `DRIFTS` that acts at a step index, none outside its window.

        Args:
            index: Step index i.
            timesteps: The T visited timesteps, ascending.

        Source: MGD3 (arXiv 2505.18963), stop guidance; strict, as in the released code.
        """
        schedule, found = MODE_GUIDANCE_SCHEDULES[self.mode_guidance_schedule], {}
        for name, scale in self._scales().items():
            guided = self._guided(name, timesteps)
            if index in guided:
                found[name] = scale * schedule((index - guided.start + 1) / len(guided))
        return found

    def guided_steps(self, timesteps: Sequence[int]) -> list[int]:
        """Return the indices of the steps that are run and guided, ascending."""
        run = self.steps_run(len(timesteps))
        guided = {index for name in self._scales() for index in self._guided(name, timesteps)}
        return sorted(index for index in guided if index < run)

    @property
    def options(self) -> dict[str, Any]:
        """Name -> value of every option of `DRIFTS` and `CONDITIONINGS`."""
        defaults = {name: option.default for name, option in all_options().items()}
        return {**defaults, **self.further_options}

    def _scales(self) -> dict[str, float]:
        return {name: scale for name in DRIFTS if (scale := self._scale(name))}

    def _scale(self, name: str) -> float:
        scale: float = getattr(self, name, self.further_scales.get(name, 0.0))
        return scale

    def _window(self, name: str) -> Window | None:
        own: Window | None = self.options.get(name.removesuffix("_scale") + WINDOWED)
        return DRIFTS[name].window if own is None else own

    def _guided(self, name: str, timesteps: Sequence[int]) -> range:
        if (window := self._window(name)) is not None:
            return steps_within(window, len(timesteps))
        if self.stop_guidance_step is not None:
            return range(self.stop_guidance_step + 1, len(timesteps))
        stop = self.stop_guidance_timestep or 0
        return range(sum(timestep <= stop for timestep in timesteps), len(timesteps))
