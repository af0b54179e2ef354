"""Access to features of a backbone's network, for drifts that use them."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch

from mgd3_kedro.backbones.base import Backbone, FeatureBackbone


class NetworkAccess(NamedTuple):
    """A backbone that gives features, and the conditions of the samples.

    Args:
        backbone: The backbone.
        conditions: The class condition of each sample, (B, ...).
    """

    backbone: FeatureBackbone
    conditions: torch.Tensor


def open_network(
    backbone: Backbone, conditions: torch.Tensor, needed_by: tuple[str, ...]
) -> NetworkAccess | None:
    """Return access to the network's features; None if no drift needs them.

    Args:
        backbone: The diffusion model.
        conditions: The class condition of each sample, (B, ...).
        needed_by: Names of the scale settings of the drifts that need features.

    Raises:
        ValueError: If a drift needs features but the backbone gives none.
    """
    if not needed_by:
        return None
    if not hasattr(backbone, "features"):
        raise ValueError(
            f"{needed_by[0]}: expected a backbone whose network gives features, got "
            f"{type(backbone).__name__}; set {needed_by[0]}=0"
        )
    return NetworkAccess(cast(FeatureBackbone, backbone), conditions)
