"""The configuration of a network that is trained by a protocol that asks no teacher."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_count, lookup
from mgd3_kedro.evaluation.networks import NETWORKS
from mgd3_kedro.evaluation.protocols import PROTOCOLS
from mgd3_kedro.evaluation.settings import EvaluationConfig


@dataclass(frozen=True, kw_only=True)
class HardLabelConfig(EvaluationConfig):
    """How one network is trained: as networks are evaluated, by a protocol that asks no teacher.

    Args:
        network: A name of `NETWORKS`.
        seed: Of initial weights, order and augmentation.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    network: str
    seed: int

    def __post_init__(self) -> None:
        lookup(NETWORKS, self.network, "network")
        if (source := lookup(PROTOCOLS, self.protocol, "protocol").labels) != "given":
            known = [name for name, recipe in PROTOCOLS.items() if recipe.labels == "given"]
            raise ValueError(
                f"protocol: expected one of {', '.join(known)}, which ask no teacher, got "
                f"{self.protocol!r}, whose labels are {source}"
            )
        super().__post_init__()
        check_count("seed", self.seed, 0, 2**32 - 1)
