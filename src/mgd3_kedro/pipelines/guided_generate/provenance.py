"""Where every distilled image comes from."""

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
    """What the images of a class were made for and with.

    Args:
        spec: The class.
        distillation: Images per class that the data set is one of, other than its own number
            where classes differ or an image holds several; and the seed.
        knobs: Settings, the same for all images.
    """

    spec: ClassSpec
    distillation: DistillationConfig
    knobs: Mapping[str, Any]


def describe_images(
    origin: ImageOrigin, facts: Sequence[Mapping[str, Any]], first: int = 0
) -> tuple[dict[str, Any], ...]:
    """Write one row per image: its class, what is known of it alone, and the settings.

    Args:
        origin: What the images were made for and with.
        facts: Of each image.
        first: Number of the first of them among the images of the class.
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
    """Tell the place of every image among the modes and the real images of its class.

    Args:
        latents: (K, C, H, W), of the images; that of image i was made for mode i.
        real: (N, C, H, W), of the class.
        found: `modes` (K, C, H, W) and `assignment` (N,).

    Returns:
        Facts of each image; distances are Euclidean, in scaled latent space. `mode_members` and
        `nearest_real` are places among the real latents: those of the images in order and, where
        each has two, those of the mirrored ones after.
    """
    to_mode = (latents - found["modes"]).flatten(1).norm(dim=1)
    # By differences: by products a copy of a real image would not be at distance 0.
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
