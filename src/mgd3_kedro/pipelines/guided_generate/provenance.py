"""Provenance of distilled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.pipelines.guided_generate.landing import find_nearest_modes
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig


@dataclass(frozen=True)
class ImageOrigin:
    """Origin of the images of a class.

    Args:
        spec: The class.
        distillation: Configured images per class, and seed. The real number of images of the class
            can differ, with unequal `balance` or multi-formation.
        knobs: Settings, the same for all images.
    """

    spec: ClassSpec
    distillation: DistillationConfig
    knobs: Mapping[str, Any]


def describe_images(
    origin: ImageOrigin, facts: Sequence[Mapping[str, Any]], first: int = 0
) -> tuple[dict[str, Any], ...]:
    """Return one row per image: its class, its own facts, and the settings.

    Args:
        origin: Origin of the images.
        facts: Facts about each image.
        first: Number of the first image within the class.
    """
    spec, made = origin.spec, origin.distillation
    return tuple(
        {
            **asdict(spec),
            "image": f"{spec.wnid}/{image}.png",
            "ipc": made.ipc,
            "seed": made.seed,
            **of_image,
            **origin.knobs,
        }
        for image, of_image in enumerate(facts, first)
    )


def place_images(
    latents: torch.Tensor, real: torch.Tensor, found: Mapping[str, torch.Tensor]
) -> list[dict[str, Any]]:
    """Return the distances of every image to its mode and to the nearest real image.

    Args:
        latents: (K, C, H, W), of the images; image i was made for mode i.
        real: (N, C, H, W), of the real images of the class.
        found: `modes` (K, C, H, W) and `assignment` (N,).

    Returns:
        Facts about each image. Distances are Euclidean, in scaled latent space. `mode_members` and
        `nearest_real` are indices of real latents: first those of the images in order, then, if
        each image has two latents, those of the mirrored images.
    """
    to_mode = (latents - found["modes"]).flatten(1).norm(dim=1)
    # Without matrix products, whose rounding would give a copy of a real image a distance above 0.
    to_real, nearest = torch.cdist(
        latents.flatten(1), real.flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
    ).min(1)
    facts = []
    landed = find_nearest_modes(latents, found["modes"])
    for mode in range(len(latents)):
        members = torch.nonzero(found["assignment"] == mode).flatten().tolist()
        facts.append(
            {
                "mode": mode,
                "mode_member_count": len(members),
                "mode_members": " ".join(map(str, members)),
                "distance_to_mode": float(to_mode[mode]),
                **landed[mode],
                "nearest_real": int(nearest[mode]),
                "distance_to_nearest_real": float(to_real[mode]),
            }
        )
    return facts
