"""Settings of IDC."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.devices import check_device
from mgd3_kedro.evaluation.networks import NETWORKS
from mgd3_kedro.evaluation.siamese import OPERATIONS
from mgd3_kedro.stages import neutral

REFERENCE_IPC = 10
"""Images per class that learning rates are given for."""
CUTOUT = "cutout"


@dataclass(frozen=True)
class IdcConfig:
    """How images are optimised, and the network they are compared in trained.

    Args:
        network: A name of `NETWORKS`; drawn anew for every outer iteration.
        outer_iterations: Networks.
        inner_iterations: Comparisons along the training of each.
        factor: Patches along a side of an image, each of which is shown enlarged; 1 is IDC-1.
        learning_rate: Of SGD on pixels in [0, 1], for 10 images per class of `reference_size`; in
            proportion to the pixels of a class otherwise.
        reference_size: Side in pixels that `learning_rate` belongs to.
        momentum: Of SGD on pixels, in [0, 1].
        batch_real: Real images of a comparison, and of an update of the network, at most.
        batch_synthetic: Synthetic images of a comparison, at most.
        strategy: Augmentations, joined by underscores; all are applied, to real and synthetic
            images alike.
        pretrain_epochs: Epochs that a network is trained before the first comparison.
        network_images: Real images it is trained on after each.
        network_learning_rate: Of SGD on the network.
        network_momentum: In [0, 1].
        network_weight_decay: At least 0.
        network_cutmix: Whether its batches are mixed, in place of `cutout`.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    network: str
    outer_iterations: int
    inner_iterations: int
    factor: int
    learning_rate: float
    reference_size: int
    momentum: float
    batch_real: int
    batch_synthetic: int
    strategy: str
    pretrain_epochs: int
    network_images: int
    network_learning_rate: float
    network_momentum: float
    network_weight_decay: float
    network_cutmix: bool
    device: str = neutral()

    def __post_init__(self) -> None:
        lookup(NETWORKS, self.network, "network")
        for operation in self.strategy.split("_"):
            lookup(OPERATIONS, operation, "siamese operation")
        for name in ("outer_iterations", "inner_iterations", "factor", "reference_size"):
            check_count(name, getattr(self, name))
        for name in ("batch_real", "batch_synthetic"):
            check_count(name, getattr(self, name))
        for name in ("pretrain_epochs", "network_images"):
            check_count(name, getattr(self, name), 0)
        for name in ("learning_rate", "network_learning_rate"):
            check_range(name, getattr(self, name), 0, low_open=True)
        for name in ("momentum", "network_momentum"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("network_weight_decay", self.network_weight_decay, 0)
        if not isinstance(self.network_cutmix, bool):
            raise ValueError(f"network_cutmix: expected true or false, got {self.network_cutmix!r}")
        check_device(self.device)

    @property
    def network_strategy(self) -> str:
        """Augmentations of the batches that the network is trained on."""
        kept = (name for name in self.strategy.split("_") if name != CUTOUT)
        return "_".join(kept) if self.network_cutmix else self.strategy

    def learning_rate_for(self, ipc: int, image_size: int) -> float:
        """Return the rate for so many images of so many pixels.

        Source: IDC (arXiv 2205.14959), released code.
        """
        return self.learning_rate * (ipc / REFERENCE_IPC) * (image_size / self.reference_size) ** 2
