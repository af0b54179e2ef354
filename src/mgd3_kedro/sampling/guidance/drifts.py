"""The members of guidance, each under the setting that switches it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.compared import COMPARED_WITH, MOST, find_compared
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.determinantal import turn_apart
from mgd3_kedro.sampling.guidance.gains import GAIN, GAINS
from mgd3_kedro.sampling.guidance.matching_as_released import DMGD_WINDOW, match_as_released
from mgd3_kedro.sampling.guidance.mean_matching import match_mean
from mgd3_kedro.sampling.guidance.needs import Need, find_mean
from mgd3_kedro.sampling.guidance.options import Option, check_grid
from mgd3_kedro.sampling.guidance.plane import push_to_plane
from mgd3_kedro.sampling.guidance.pull import pull_towards_modes
from mgd3_kedro.sampling.guidance.repulsion import repel_mates
from mgd3_kedro.sampling.guidance.spread import measure_sharpness, scale_pull
from mgd3_kedro.sampling.guidance.support import SUPPORT, find_support
from mgd3_kedro.sampling.guidance.tangent import measure_tangents, project_pull
from mgd3_kedro.sampling.guidance.transport import DEBIASED, ENTROPY, pull_by_transport
from mgd3_kedro.sampling.guidance.typical import DEPTH, pull_in_features
from mgd3_kedro.sampling.guidance.windows import ALL_STEPS, TO_THE_LAST_FIFTH, WINDOW, Window

NO_OPTIONS: Mapping[str, Option] = MappingProxyType({})


class Trait(NamedTuple):
    """Something measured of a class, by which the pull towards its modes is shaped.

    Args:
        measure: (latents (N, C, H, W), modes (K, C, H, W), setting) -> (K, ...).
        shape: (pull (B, C, H, W), what was measured for each sample (B, ...)) -> (B, C, H, W).
    """

    measure: Callable[[torch.Tensor, torch.Tensor, Any], torch.Tensor]
    shape: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


TRAITS: dict[str, Trait] = {
    "mode_guidance_adaptation": Trait(measure_sharpness, scale_pull),
    "tangent_components": Trait(measure_tangents, project_pull),
}
"""Setting that is 0 or None where the pull is left as it is -> what shapes it."""


def pull_shaped(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the pull towards the modes as the traits of classes shape it, (B, C, H, W).

    `pull_pool`, if it is not None, is the grid that the pull is averaged over;
    `mode_guidance_gain` says how strong it is at this step.

    Source: MGD3 (arXiv 2505.18963), section 3.2; the traits are ours.
    """
    weight = GAINS[context.options["mode_guidance_gain"]].weigh(step, scale, context)
    pull = pull_towards_modes(step, context.modes, weight, context.options["pull_pool"])
    for name, measured in context.traits.items():
        pull = TRAITS[name].shape(pull, measured)
    return pull


class Drift(NamedTuple):
    """Something that steers samples.

    Args:
        push: (step, scale, context) -> what is added to the mean of the step, (B, C, H, W).
        joint: Whether it makes images of a class depend on each other.
        options: Name of a setting -> option; the one called as the scale, with `_window` in the
            place of `_scale`, says at which steps it acts.
        window: First and last step where that option is None or there is none; None: from the
            noisiest to where guidance stops.
        needs: What finds the `facts` of a class that it needs; they are found for no other drift.
        in_turn: Whether images of a class are drawn one after the other; `finished` among its facts
            are then the latents of those before, (M, C, H, W).
        needs_sight: Whether it asks the network what it sees: `sight` of the context.
    """

    push: Callable[[DenoisingStep, float, GuidanceContext], torch.Tensor]
    joint: bool = False
    options: Mapping[str, Option] = NO_OPTIONS
    window: Window | None = None
    needs: tuple[Need, ...] = ()
    in_turn: bool = False
    needs_sight: bool = False

    def needs_with(self, options: Mapping[str, Any]) -> tuple[Need, ...]:
        """Return what it needs of a class with some values of options, its own included."""
        found = [option.needs(options[name]) for name, option in self.options.items()]
        return (*self.needs, *chain.from_iterable(found))


DRIFTS: dict[str, Drift] = {
    "mode_guidance_scale": Drift(
        pull_shaped,
        options={
            "pull_pool": Option(check_grid),
            "mode_guidance_gain": GAIN,
            "mode_guidance_window": WINDOW,
        },
    ),
    "repulsion_scale": Drift(repel_mates, joint=True, options={"repulsion_window": WINDOW}),
    "transport_scale": Drift(
        pull_by_transport,
        joint=True,
        options={
            "transport_support": SUPPORT,
            "transport_entropy": ENTROPY,
            "transport_debiased": DEBIASED,
            "transport_window": WINDOW,
        },
        needs=(find_support,),
    ),
    "dmgd_scale": Drift(
        match_as_released,
        joint=True,
        options={"dmgd_window": WINDOW},
        window=DMGD_WINDOW,
        needs=(find_support,),
        in_turn=True,
    ),
    "mean_matching_scale": Drift(
        match_mean,
        joint=True,
        options={"mean_matching_window": WINDOW},
        window=ALL_STEPS,
        needs=(find_mean,),
    ),
    "determinantal_scale": Drift(
        turn_apart,
        joint=True,
        options={"determinantal_window": WINDOW},
        window=TO_THE_LAST_FIFTH,
        needs=(find_mean,),
    ),
    "dap_scale": Drift(
        pull_in_features,
        options={
            "dap_of": COMPARED_WITH,
            "dap_real": MOST,
            "dap_depth": DEPTH,
            "dap_window": WINDOW,
        },
        needs=(find_compared,),
        needs_sight=True,
    ),
    "manifoldgd_scale": Drift(push_to_plane, options={"manifoldgd_window": WINDOW}),
}
"""Setting that holds its scale, 0 where it does not act -> drift; drifts add up."""
