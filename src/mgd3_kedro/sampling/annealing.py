"""The class of an image, told to its network only bit by bit as the image takes shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch

from mgd3_kedro.backbones.base import Backbone, ConditionChange, SecondCondition
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checks import check_choice, check_range
from mgd3_kedro.devices import send
from mgd3_kedro.randomness import fork_generator
from mgd3_kedro.sampling.guidance.options import Option

DRAWS: dict[str, Callable[..., torch.Tensor]] = {"gaussian": torch.randn, "uniform": torch.rand}
"""Name -> draws noise of a shape from a generator: standard normal, or uniform in 0..1."""


def check_share(name: str, value: Any) -> None:
    """Refuse what is not in 0..1."""
    check_range(name, value, 0, 1)


def check_draw(name: str, value: Any) -> None:
    """Refuse what is no name of `DRAWS`."""
    check_choice(name, value, DRAWS)


ANNEALING: Mapping[str, Option] = {
    "condition_other": Option(check_share, 0.01),
    "condition_from": Option(check_share, 0.9),
    "condition_to": Option(check_share, 0.5),
    "condition_distribution": Option(check_draw, "gaussian"),
}
"""How much of another class is mixed in; between which timesteps, as shares of the trained ones,
the class comes in; what noise is drawn from."""


def check_annealing(options: Mapping[str, Any]) -> None:
    """Refuse a class that would come in at once, or go out.

    Raises:
        ValueError: Naming the setting.
    """
    begun, done = options["condition_from"], options["condition_to"]
    if begun <= done:
        raise ValueError(
            f"condition_from: expected more than condition_to, which is {done}, got {begun}"
        )


class ConditioningBatch(NamedTuple):
    """What is drawn together.

    Args:
        backbone: Draws it.
        classes: The class of each sample.
        generators: One per sample.
        among: The classes of the benchmark.
    """

    backbone: Backbone
    classes: Sequence[ClassSpec]
    generators: Sequence[torch.Generator]
    among: Sequence[ClassSpec]


ChangeAt = Callable[[int], ConditionChange | SecondCondition | None]
"""Step index -> what embeddings of conditions become there, or another condition of some samples;
None where all stays."""


def anneal_conditions(
    batch: ConditioningBatch, strength: float, options: Mapping[str, Any]
) -> ChangeAt:
    """Hide the class of every sample in noise at first, and let it come in.

    Args:
        batch: Its samples keep their own noise: what is drawn here comes from other generators.
        strength: Standard deviation of the noise, in the units of embeddings, before embeddings
            are brought to the mean and deviation they had.
        options: Of `ANNEALING`.

    Source: condition annealing (arXiv 2310.17347), with the share of another class that DMGD's
        released code adds, and noise on the condition of no class, too, as there.
    """
    backbone = batch.backbone
    share = options["condition_other"] if len(batch.among) > 1 else 0.0
    others = backbone.conditions(draw_others(batch) if share else batch.classes)
    both = torch.cat([others, others])
    streams = [fork_generator(one, "condition_noise") for one in batch.generators]
    draw, shape = DRAWS[options["condition_distribution"]], (2, *backbone.embedding_shape)

    def change_at(index: int) -> ConditionChange | None:
        time = backbone.timesteps[index] / backbone.trained_timesteps
        weights = weigh(time, strength, share, options)
        if weights.own == 1:
            return None
        drawn = torch.stack([draw(shape, generator=one) for one in streams], 1).flatten(0, 1)
        noise = send(drawn, backbone.device)
        return ConditionChange(partial(mix, weights), noise, both)

    return change_at


def draw_others(batch: ConditioningBatch) -> list[ClassSpec]:
    """Draw another class of the benchmark for each sample."""
    rest = {
        own: [one for one in batch.among if one.wnid != own.wnid]
        for own in dict.fromkeys(batch.classes)
    }
    others = []
    for own, generator in zip(batch.classes, batch.generators, strict=True):
        stream = fork_generator(generator, "condition_other")
        others.append(rest[own][int(torch.randint(len(rest[own]), (), generator=stream))])
    return others


class Weights(NamedTuple):
    """What an embedding is mixed of: itself, noise, and the embedding of another class."""

    own: float
    noise: float
    other: float


def weigh(time: float, strength: float, share: float, options: Mapping[str, Any]) -> Weights:
    """Return what embeddings are mixed of at a timestep.

    Args:
        time: Timestep as a share of the trained ones.
        strength: Of the noise.
        share: Of the other class; none of it is there before its own class comes in.
        options: Of `ANNEALING`.

    Source: condition annealing (arXiv 2310.17347); the other class is DMGD's.
    """
    begun, done = options["condition_from"], options["condition_to"]
    known = min(max((begun - time) / (begun - done), 0.0), 1.0)
    hidden = (1 - known) ** 0.5
    return Weights(known**0.5, strength * hidden, share * hidden if time <= begun else 0.0)


def mix(
    weights: Weights, embedding: torch.Tensor, noise: torch.Tensor, other: torch.Tensor
) -> torch.Tensor:
    """Return the mix of embeddings (R, ..., D), row by row with the mean and deviation they had.

    Source: condition annealing (arXiv 2310.17347), without its mix of rescaled and not.
    """
    own = embedding.float()
    mixed = weights.own * own + weights.noise * noise + weights.other * other.float()
    over = tuple(range(1, own.ndim))
    centred = mixed - mixed.mean(over, keepdim=True)
    scale = own.std(over, keepdim=True) / mixed.std(over, keepdim=True)
    return (centred * scale + own.mean(over, keepdim=True)).to(embedding.dtype)
