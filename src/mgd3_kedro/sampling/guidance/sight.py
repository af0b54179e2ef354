"""What the network of a backbone sees, for drifts that look through it."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch

from mgd3_kedro.backbones.base import Backbone, FeatureBackbone


class Sight(NamedTuple):
    """A network that is asked what it sees.

    Args:
        backbone: Has the network.
        conditions: What tells it the class of each sample, (B, ...).
    """

    backbone: FeatureBackbone
    conditions: torch.Tensor


def open_sight(
    backbone: Backbone, conditions: torch.Tensor, needed_by: tuple[str, ...]
) -> Sight | None:
    """Return what the network sees of some samples, None where no drift needs it.

    Args:
        backbone: The diffusion model.
        conditions: Of each sample, (B, ...).
        needed_by: Scales of the drifts that need it.

    Raises:
        ValueError: If one does, and the backbone cannot be asked.
    """
    if not needed_by:
        return None
    if not hasattr(backbone, "features"):
        raise ValueError(
            f"{needed_by[0]}: expected a backbone whose network can be asked for features, got "
            f"{type(backbone).__name__}; set {needed_by[0]}=0"
        )
    return Sight(cast(FeatureBackbone, backbone), conditions)
