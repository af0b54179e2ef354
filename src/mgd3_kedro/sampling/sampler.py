"""The reverse process: one loop for every model and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch

from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.devices import send
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.sampling.annealing import ConditioningBatch
from mgd3_kedro.sampling.conditionings import CONDITIONINGS
from mgd3_kedro.sampling.coupling import NOISE_COUPLINGS
from mgd3_kedro.sampling.guidance import DRIFTS, GuidanceContext
from mgd3_kedro.sampling.guidance.context import group_by_class
from mgd3_kedro.sampling.guidance.needs import Facts
from mgd3_kedro.sampling.guidance.network import open_network
from mgd3_kedro.sampling.initial import INITIAL_LATENTS
from mgd3_kedro.sampling.progress import StepLog
from mgd3_kedro.sampling.settings import SamplingConfig

NOTHING_MEASURED: Mapping[str, torch.Tensor] = MappingProxyType({})
NOTHING_FOUND: Mapping[ClassSpec, Facts] = MappingProxyType({})


def image_generator(
    seed: int, class_index: int, image: int, candidate: int = 0, twin: int = 0
) -> torch.Generator:
    """Return the random generator of one image, which depends on the arguments alone.

    Args:
        seed: Seed of the data set.
        class_index: Class of the image, in the label space of the backbone.
        image: Position of the image within its class.
        candidate: Number of the draw, if there are several draws per image.
        twin: Number of earlier classes with the same index.
    """
    # The first of several draws must equal the only draw of a run without candidates.
    further = (candidate, twin) if twin else (candidate,) if candidate else ()
    return seeded_generator(seed, class_index, image, *further)


@torch.no_grad()
def denoise(
    backbone: Backbone,
    modes: torch.Tensor,
    classes: Sequence[ClassSpec],
    config: SamplingConfig,
    generators: Sequence[torch.Generator],
    traits: Mapping[str, torch.Tensor] = NOTHING_MEASURED,
    facts: Mapping[ClassSpec, Facts] = NOTHING_FOUND,
    among: Sequence[ClassSpec] = (),
) -> torch.Tensor:
    """Sample one latent per mode.

    A latent depends only on its own mode, class and generator. The settings in
    `config.joint_settings` make it also depend on the other samples of its class: then all of these
    must be in the batch, in their order.

    Args:
        backbone: The diffusion model.
        modes: The mode of each sample, (B, C, H, W); a batch may mix classes.
        classes: The class of each sample.
        config: Where to start, how strongly to guide and when to stop guiding.
        generators: One per sample.
        traits: Name -> measurement of `survey_class` for the mode of each sample, (B, ...).
        facts: Class -> result of `gather_facts`.
        among: All classes of the benchmark; needed if another class is mixed into the condition.

    Returns:
        Scaled latents, (B, C, H, W), on the CPU.

    Raises:
        ValueError: If the modes do not have the backbone's latent shape; if there is not one class
            and one generator per mode; if `traits` or `facts` lack what the active settings need;
            if `among` is empty but another class is needed; or if the backbone does not know a
            class, or gives no features although a drift needs them.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1; DDPM (arXiv 2006.11239), Algorithm 2.
    """
    if tuple(modes.shape[1:]) != tuple(backbone.latent_shape):
        raise ValueError(
            f"modes: expected latents of shape {tuple(backbone.latent_shape)} as the backbone's, "
            f"got {tuple(modes.shape[1:])}; encode the images with the backbone that samples"
        )
    if not len(modes) == len(classes) == len(generators):
        raise ValueError(
            f"expected a class and a generator for each of {len(modes)} modes, "
            f"got {len(classes)} and {len(generators)}"
        )
    _check_traits(traits, config, len(modes))
    _check_facts(facts, config, classes)
    if config.mixes_classes and not among:
        raise ValueError(
            "among: expected the classes of the benchmark, as each image is also conditioned on "
            "another class, got none"
        )
    conditions = backbone.conditions(classes)
    network = open_network(backbone, conditions, config.needing_network)
    batch = ConditioningBatch(backbone, classes, generators, among)
    conditioning = CONDITIONINGS[config.conditioning]
    change_at = conditioning.begin(batch, config.strength, config.options)
    modes = modes.to(backbone.device)
    measured = {name: trait.to(backbone.device) for name, trait in traits.items()}
    class_rows = group_by_class(classes, backbone.device)
    found = [
        {name: fact.to(backbone.device) for name, fact in facts.get(spec, {}).items()}
        for spec in dict.fromkeys(classes)
    ]
    known = (tuple(found), network, generators)
    context = GuidanceContext(modes, class_rows, measured, config.options, *known)
    couple = NOISE_COUPLINGS[config.noise_coupling]
    noise = couple(_noise(modes, generators), modes, context.class_rows)
    start = INITIAL_LATENTS[config.initial_latents]
    latents, first = start(backbone, modes, noise, config.noise_strength)
    progress = StepLog(len(modes), first + 1)
    for index in range(first, -1, -1):
        step = backbone.step(index, latents, conditions, change_at(index))
        latents = step.prev_mean
        for name, scale in config.scales_at(index, backbone.timesteps).items():
            latents = latents + DRIFTS[name].push(step, scale, context)
        if index > 0:
            latents = latents + step.std * _noise(modes, generators)
        progress(first + 1 - index)
    return latents.cpu()


def _check_traits(traits: Mapping[str, torch.Tensor], config: SamplingConfig, samples: int) -> None:
    found = {name: len(trait) for name, trait in traits.items()}
    wanted = dict.fromkeys(config.traits, samples)
    if found != wanted:
        raise ValueError(
            "traits: expected measurements of survey_class with these numbers of rows: "
            f"{wanted}, got {found}"
        )


def _check_facts(
    facts: Mapping[ClassSpec, Facts], config: SamplingConfig, classes: Sequence[ClassSpec]
) -> None:
    missing = [spec.wnid for spec in dict.fromkeys(classes) if spec not in facts]
    if config.needs and missing:
        raise ValueError(
            "facts: expected the result of gather_facts for every class, got none for "
            + ", ".join(missing)
        )


def _noise(like: torch.Tensor, generators: Sequence[torch.Generator]) -> torch.Tensor:
    # Drawn on the CPU, whose generators give the same numbers on every machine.
    shape = like.shape[1:]
    drawn = [torch.randn(shape, generator=generator) for generator in generators]
    return send(torch.stack(drawn), like.device)
