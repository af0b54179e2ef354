"""What all methods have in common whose images no diffusion model draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig, Source
from mgd3_kedro.pipelines.guided_generate.provenance import (
    Origin,
    describe_images,
    nearest_modes,
)
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.records import ClassSpec
from mgd3_kedro.stages import Made, plain_settings

FACTS: tuple[Source, ...] = ("latents", "modes", "prior")
"""What images are described by, once they are made."""


@dataclass(frozen=True)
class Making:
    """What images are wanted, and how they are described.

    Args:
        image_size: Side of the benchmark's images, in pixels.
        distillation: Images per class and seed.
        autoencoder: Encodes the images, to describe them.
    """

    image_size: int
    distillation: DistillationConfig
    autoencoder: AutoencoderConfig

    @classmethod
    def of(cls, common: Common) -> Making:
        """Take it from what all methods share."""
        return cls(common.image_size, common.distillation, common.autoencoder)

    def generator(self, *key: int) -> torch.Generator:
        """Return a generator that is a function of the seed and a key."""
        return seeded_generator(self.distillation.seed, *key)

    def describe(
        self,
        images: torch.Tensor,
        spec: ClassSpec,
        facts: Sequence[Any],
        config: Any,
        losses: torch.Tensor | None = None,
    ) -> Made:
        """Return the images of a class, and their place among the real ones.

        Args:
            images: (B, 3, S, S), uint8.
            spec: The class.
            facts: What `FACTS` names, loaded.
            config: The method's settings, a dataclass; they become columns.
            losses: One per update, if images were found by updates.

        Source: ours.
        """
        real, found, model = facts
        side = self.image_size
        latents = load_autoencoder(model, self.autoencoder).encode(fit_images(images, side, side))
        modes = nearest_modes(latents, found)
        ipc, seed = self.distillation.ipc, self.distillation.seed
        origin = Origin(spec, seed, modes, ipc, plain_settings(config))
        rows = describe_images(origin, latents, real["latents"], found)
        metrics = {"guided_steps": 0.0}
        if losses is not None:
            metrics |= {"first_loss": float(losses[0]), "last_loss": float(losses[-1])}
        return Made(images, len(images), metrics, rows)


def try_network(name: str, num_classes: int, image_size: int) -> None:
    """Refuse a network that cannot see the images.

    Raises:
        ValueError: If the images are too small for it.

    Source: ours.
    """
    with torch.device("meta"):
        build_network(name, num_classes, image_size)
