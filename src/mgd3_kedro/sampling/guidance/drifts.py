"""All guidance terms, called drifts, by the setting that switches each one on."""

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
    """A measurement of a class that changes the pull towards its modes.

    Args:
        measure: (latents (N, C, H, W), modes (K, C, H, W), value of the setting) -> measurement,
            (K, ...).
        shape: (pull (B, C, H, W), measurement of each sample (B, ...)) -> changed pull,
            (B, C, H, W).
    """

    measure: Callable[[torch.Tensor, torch.Tensor, Any], torch.Tensor]
    shape: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


TRAITS: dict[str, Trait] = {
    "mode_guidance_adaptation": Trait(measure_sharpness, scale_pull),
    "tangent_components": Trait(measure_tangents, project_pull),
}
"""Name of the setting (0 or None is off) -> trait that changes the pull."""


def pull_shaped(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the pull towards the modes, changed by the traits of the classes, (B, C, H, W).

    The option `pull_pool` is the grid over which the pull is averaged, None for no averaging. The
    option `mode_guidance_gain` sets the strength at this step.

    Source: MGD3 (arXiv 2505.18963), section 3.2; the traits are ours.
    """
    weight = GAINS[context.options["mode_guidance_gain"]].weigh(step, scale, context)
    pull = pull_towards_modes(step, context.modes, weight, context.options["pull_pool"])
    for name, measured in context.traits.items():
        pull = TRAITS[name].shape(pull, measured)
    return pull


class Drift(NamedTuple):
    """A guidance term, which is added to the mean of each reverse step.

    Args:
        push: (step, scale, context) -> term to add to the mean of the step, (B, C, H, W).
        joint: Whether it makes images of a class depend on each other.
        options: Name of a setting -> option. The option named like the scale, but with `_window`
            instead of `_scale`, sets the steps at which the drift acts.
        window: First and last step if that option is None or missing. None: from the noisiest step
            to where guidance stops.
        needs: Functions that find the `facts` of a class for this drift. They run only if a drift
            that needs them is on.
        in_turn: Whether images of a class are generated one after the other. The fact `finished`
            then holds the latents of the images before, (M, C, H, W).
        needs_network: Whether it uses features of the network: `network` of the context.
    """

    push: Callable[[DenoisingStep, float, GuidanceContext], torch.Tensor]
    joint: bool = False
    options: Mapping[str, Option] = NO_OPTIONS
    window: Window | None = None
    needs: tuple[Need, ...] = ()
    in_turn: bool = False
    needs_network: bool = False

    def needs_with(self, options: Mapping[str, Any]) -> tuple[Need, ...]:
        """Return the needs of the drift, including those of the given option values.

        Args:
            options: Name -> value of every option; those of other drifts are ignored.
        """
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
        needs_network=True,
    ),
    "manifoldgd_scale": Drift(push_to_plane, options={"manifoldgd_window": WINDOW}),
}
"""Name of the scale setting (0 is off) -> drift. The terms of active drifts are summed."""
