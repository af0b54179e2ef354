"""Where every distilled image comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mgd3_kedro.records import ClassSpec


@dataclass(frozen=True)
class Origin:
    """What the images of a class were made for and with.

    Args:
        spec: The class.
        seed: Seed of the data set.
        modes: (M,), the mode of each image.
        ipc: Images per class that these stand for; fewer, where one holds several.
        knobs: Settings, the same for all images.
    """

    spec: ClassSpec
    seed: int
    modes: torch.Tensor
    ipc: int
    knobs: Mapping[str, Any]


def describe_images(
    origin: Origin, latents: torch.Tensor, real: torch.Tensor, found: Mapping[str, torch.Tensor]
) -> tuple[dict[str, Any], ...]:
    """Write one row per image: its class, its mode, and its place among the real images.

    Args:
        origin: What the images were made for and with.
        latents: (M, C, H, W), of the images.
        real: (N, C, H, W), of the class.
        found: `modes` (K, C, H, W) and `assignment` (N,).

    Returns:
        One row per image; distances are Euclidean, in scaled latent space. `mode_members` and
        `nearest_real` are places among the real latents: those of the images in order and, where
        each has two, those of the mirrored ones after.

    Source: ours.
    """
    to_mode = (latents - found["modes"][origin.modes]).flatten(1).norm(dim=1)
    to_real, nearest = _distances(latents, real).min(1)
    rows = []
    for image, mode in enumerate(origin.modes.tolist()):
        members = torch.nonzero(found["assignment"] == mode).flatten().tolist()
        rows.append(
            {
                **asdict(origin.spec),
                "image": f"{origin.spec.wnid}/{image}.png",
                "ipc": origin.ipc,
                "seed": origin.seed,
                "mode": mode,
                "mode_member_count": len(members),
                "mode_members": " ".join(map(str, members)),
                "distance_to_mode": float(to_mode[image]),
                "nearest_real": int(nearest[image]),
                "distance_to_nearest_real": float(to_real[image]),
                **origin.knobs,
            }
        )
    return tuple(rows)


def nearest_modes(latents: torch.Tensor, found: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the mode nearest to each image, (ipc,), for images that were made for none.

    Args:
        latents: (ipc, C, H, W), of the images.
        found: `modes` (K, C, H, W).

    Source: ours.
    """
    return _distances(latents, found["modes"]).argmin(1)


def _distances(latents: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    # By differences: by products a copy of a real image would not be at distance 0.
    return torch.cdist(
        latents.flatten(1), others.flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
    )
