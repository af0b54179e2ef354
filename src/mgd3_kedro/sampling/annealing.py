"""Condition annealing: early steps see noisy class embeddings, later steps the clean ones."""

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
"""Name -> function that draws noise with a generator: standard normal, or uniform in 0..1."""


def check_share(name: str, value: Any) -> None:
    """Raise ValueError unless the value is in 0..1."""
    check_range(name, value, 0, 1)


def check_draw(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a name of `DRAWS`."""
    check_choice(name, value, DRAWS)


ANNEALING: Mapping[str, Option] = {
    "condition_other": Option(check_share, 0.01),
    "condition_from": Option(check_share, 0.9),
    "condition_to": Option(check_share, 0.5),
    "condition_distribution": Option(check_draw, "gaussian"),
}
"""Options of condition annealing.

`condition_other` is the weight of another class. `condition_from` and `condition_to` are the
timesteps, as shares of the trained ones, at which the class starts to appear and is fully there.
`condition_distribution` is a name of `DRAWS`.
"""


def check_annealing(options: Mapping[str, Any]) -> None:
    """Check that the class appears gradually: `condition_from` must exceed `condition_to`.

    Raises:
        ValueError: If it does not; the message names the setting.
    """
    begun, done = options["condition_from"], options["condition_to"]
    if begun <= done:
        raise ValueError(
            f"condition_from: expected more than condition_to, which is {done}, got {begun}"
        )


class ConditioningBatch(NamedTuple):
    """The samples of a batch, and what the change of their conditions depends on.

    Args:
        backbone: The diffusion model that generates the samples.
        classes: The class of each sample.
        generators: One random generator per sample.
        among: All classes of the benchmark, from which other classes are chosen.
    """

    backbone: Backbone
    classes: Sequence[ClassSpec]
    generators: Sequence[torch.Generator]
    among: Sequence[ClassSpec]


ChangeAt = Callable[[int], ConditionChange | SecondCondition | None]
"""Function: step index -> change of the condition embeddings at this step, or a second condition
for some samples; None for no change."""


def anneal_conditions(
    batch: ConditioningBatch, strength: float, options: Mapping[str, Any]
) -> ChangeAt:
    """Mix noise into the condition embeddings of early steps, less and less as sampling goes on.

    Args:
        batch: The samples. Noise is drawn from forks of their generators, so that the initial
            noise and the noise of the steps stay the same.
        strength: Factor of the noise, in the units of embeddings. Each mixed embedding is then
            rescaled to the mean and standard deviation that it had.
        options: Values of `ANNEALING`.

    Returns:
        Step index -> change of the embeddings; None from the step on where the class is fully
        there.

    Source: condition annealing (arXiv 2310.17347). The weight of another class, and noise on the
        null class too, are as in DMGD's released code.
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
    """Weights of a mixed embedding: of itself, of noise, and of another class's embedding."""

    own: float
    noise: float
    other: float


def weigh(time: float, strength: float, share: float, options: Mapping[str, Any]) -> Weights:
    """Return the weights of a mixed embedding at a timestep.

    Args:
        time: Timestep as a share of the trained ones, 0..1; 1 is the noisiest.
        strength: Factor of the noise.
        share: Largest weight of the other class; its weight is 0 above `condition_from`.
        options: Values of `ANNEALING`.

    Source: condition annealing (arXiv 2310.17347); the other class is DMGD's.
    """
    begun, done = options["condition_from"], options["condition_to"]
    known = min(max((begun - time) / (begun - done), 0.0), 1.0)
    hidden = (1 - known) ** 0.5
    return Weights(known**0.5, strength * hidden, share * hidden if time <= begun else 0.0)


def mix(
    weights: Weights, embedding: torch.Tensor, noise: torch.Tensor, other: torch.Tensor
) -> torch.Tensor:
    """Mix embeddings; rescale each row to the mean and standard deviation that it had.

    Args:
        weights: Weights of the mix.
        embedding: (R, ..., D).
        noise: (R, ..., D).
        other: Embeddings of the other class, (R, ..., D).

    Returns:
        (R, ..., D), in the number format of `embedding`.

    Source: condition annealing (arXiv 2310.17347), without its interpolation between rescaled and
        unscaled embeddings.
    """
    own = embedding.float()
    mixed = weights.own * own + weights.noise * noise + weights.other * other.float()
    over = tuple(range(1, own.ndim))
    centred = mixed - mixed.mean(over, keepdim=True)
    scale = own.std(over, keepdim=True) / mixed.std(over, keepdim=True)
    return (centred * scale + own.mean(over, keepdim=True)).to(embedding.dtype)
