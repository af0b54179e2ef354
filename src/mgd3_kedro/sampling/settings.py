"""Settings of sampling from a backbone, given modes."""

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
"""Name -> function: share of the guided steps that remain, this one included -> factor of
lambda."""

INDEPENDENT = "independent"
"""Noise coupling that keeps the images of a class independent of each other."""
FURTHER = ("further_scales", "further_options")
"""Fields that hold scales and options without a field of their own."""
WINDOWED = "_window"
"""Suffix of the options for the steps at which a drift acts."""
STEERED_WITHOUT = {"initial_latents": "noise"}
"""Setting that is not a scale and has no default -> its value in an unguided run."""


@dataclass(frozen=True)
class SamplingConfig(metaclass=SetByDrifts):
    """Settings that distinguish one generative method from another.

    Settings with a default are off at that default. None of them is in the MGD3 paper.

    Args:
        initial_latents: A name of `INITIAL_LATENTS`.
        noise_strength: Share of the steps to run if the start is a noised mode, 0..1.
        mode_guidance_scale: Lambda; 0 switches mode guidance off.
        mode_guidance_schedule: A name of `MODE_GUIDANCE_SCHEDULES`.
        stop_guidance_step: t_SG as a step index; steps with a higher index are guided.
        stop_guidance_timestep: t_SG as a training timestep. One of the two must be None.
        mode_guidance_adaptation: Exponent, 0..1, with which lambda follows 1 / variance of the
            latents of a class around its modes.
        tangent_components: Number of principal directions of the real latents near a mode; the pull
            acts within these only. None: in all directions.
        repulsion_scale: Scale of the push away from the other images of the class, in units of
            lambda, with the same schedule and stop; 0 switches it off.
        noise_coupling: A name of `NOISE_COUPLINGS`.
        candidates: Draws per mode; one of them is kept.
        candidate_score: What the kept draw is chosen by, one of `CANDIDATE_SCORES`.
        condition_noise: Factor of the noise on condition embeddings in early steps, in the units of
            embeddings; 0 switches it off.
        further_scales: Name of a drift or conditioning without a field here -> its scale. Can be
            given as a keyword argument of that name.
        further_options: Name of an option -> its value, if not its default. Can be given as a
            keyword argument of that name.

    Raises:
        ValueError: If a value is not valid; the message names the setting.
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
                f"{' and '.join(told)}: expected at most one that is not 0, got {len(told)}; "
                "set the others to 0"
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
        """Names of the traits that `survey_class` measures; none if mode guidance is off."""
        if self.mode_guidance_scale == 0:
            return ()
        return tuple(name for name in TRAITS if getattr(self, name))

    @property
    def needs(self) -> tuple[Need, ...]:
        """Functions that find the facts which the active drifts need, each function once."""
        found = [DRIFTS[name].needs_with(self.options) for name in self._scales()]
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    @property
    def in_turn(self) -> bool:
        """Whether the images of a class are generated one after the other."""
        return any(DRIFTS[name].in_turn for name in self._scales())

    @property
    def needing_network(self) -> tuple[str, ...]:
        """Names of the scale settings of active drifts that use features of the network."""
        return tuple(name for name in self._scales() if DRIFTS[name].needs_network)

    @property
    def starts_from_noise(self) -> bool:
        """Whether samples start from noise alone."""
        return self.initial_latents == STEERED_WITHOUT["initial_latents"]

    @property
    def choice(self) -> str | None:
        """Score by which one draw per mode is chosen; None if there is only one draw."""
        return self.candidate_score if self.candidates > 1 else None

    @property
    def conditioning(self) -> str | None:
        """Name of the active conditioning of `CONDITIONINGS`; None if all are off."""
        return next((name for name in CONDITIONINGS if name and self._scale(name)), None)

    @property
    def strength(self) -> float:
        """Strength of the active conditioning; 0 if all are off."""
        return self._scale(self.conditioning or "")

    @property
    def mixes_classes(self) -> bool:
        """Whether another class is mixed into the condition of a sample."""
        other = CONDITIONINGS[self.conditioning].other
        return bool(self.options.get(other) or self._scale(other))

    @property
    def joint_settings(self) -> tuple[str, ...]:
        """Names of the active settings that make images of a class depend on each other.

        If there are any, a batch must hold whole classes.
        """
        drifts = tuple(name for name in self._scales() if DRIFTS[name].joint)
        return (*drifts, *(("noise_coupling",) if self.noise_coupling != INDEPENDENT else ()))

    @property
    def stops(self) -> tuple[str, ...]:
        """Names of the settings that say where the active drifts stop, each once."""
        given = self.stop_guidance_step is not None
        shared = "stop_guidance_step" if given else "stop_guidance_timestep"
        found = (_windowed(name) if self._window(name) else shared for name in self._scales())
        return tuple(dict.fromkeys(found))

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
        """Return a copy with all guidance and all choice of candidates switched off."""
        return replace(self, **self.off())

    @classmethod
    def off(cls) -> dict[str, Any]:
        """Return the settings that steer or choose, each at the value that switches it off."""
        scales = dict.fromkeys(all_scales(), 0.0)
        defaults = {one.name: one.default for one in fields(cls) if one.default is not MISSING}
        options = {name: option.default for name, option in all_options().items()}
        return {**defaults, **scales, **options, **STEERED_WITHOUT}

    def with_steps(self, steps: int, reference: int | None) -> SamplingConfig:
        """Return the settings for another number of steps: guidance stops at the same noise level.

        Args:
            steps: The number of steps T.
            reference: T that step indices were chosen for; None if they were chosen for `steps`.
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
        """Return how many of T steps are run: all steps after the start."""
        return steps if self.starts_from_noise else steps_run(steps, self.noise_strength)

    def is_never_guided(self, timesteps: Sequence[int]) -> bool:
        """Return whether guidance is on but acts at none of the steps that are run."""
        return bool(self._scales()) and not self.guided_steps(timesteps)

    def scales_at(self, index: int, timesteps: Sequence[int]) -> dict[str, float]:
        """Return the scale of each drift that acts at a step, by its name in `DRIFTS`.

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
        own: Window | None = self.options.get(_windowed(name))
        return DRIFTS[name].window if own is None else own

    def _guided(self, name: str, timesteps: Sequence[int]) -> range:
        if (window := self._window(name)) is not None:
            return steps_within(window, len(timesteps))
        if self.stop_guidance_step is not None:
            return range(self.stop_guidance_step + 1, len(timesteps))
        stop = self.stop_guidance_timestep or 0
        return range(sum(timestep <= stop for timestep in timesteps), len(timesteps))


def _windowed(scale: str) -> str:
    """Return the name of the option for the steps at which a drift acts."""
    return scale.removesuffix("_scale") + WINDOWED
