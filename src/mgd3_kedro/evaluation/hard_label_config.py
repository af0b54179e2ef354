"""The configuration of a training with a hard-label protocol, which needs no teacher."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_count, lookup
from mgd3_kedro.evaluation.networks import NETWORKS
from mgd3_kedro.evaluation.protocols import PROTOCOLS
from mgd3_kedro.evaluation.settings import EvaluationConfig


@dataclass(frozen=True, kw_only=True)
class HardLabelConfig(EvaluationConfig):
    """Configuration of the training of one network with a hard-label protocol.

    Args:
        network: A name of `NETWORKS`.
        seed: Seed of the initial weights, the order and the augmentation, below 2**32.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    network: str
    seed: int

    def __post_init__(self) -> None:
        lookup(NETWORKS, self.network, "network")
        if (source := lookup(PROTOCOLS, self.protocol, "protocol").labels) != "given":
            known = [name for name, recipe in PROTOCOLS.items() if recipe.labels == "given"]
            raise ValueError(
                f"protocol: expected one of {', '.join(known)}, which need no teacher, got "
                f"{self.protocol!r}, whose labels are {source}"
            )
        super().__post_init__()
        check_count("seed", self.seed, 0, 2**32 - 1)
