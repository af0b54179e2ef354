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
    """Settings of IDC: of the optimisation of images, and of the training of the networks.

    Args:
        network: A name of `NETWORKS`; every outer iteration uses a new random network.
        outer_iterations: Number of networks.
        inner_iterations: Comparisons of gradients during the training of each network.
        factor: Patches along a side of an image; each is enlarged for training. 1 is IDC-1.
        learning_rate: Learning rate of SGD on pixels in [0, 1], for 10 images per class of side
            `reference_size`. It is scaled in proportion to the number of pixels per class.
        reference_size: Side in pixels that `learning_rate` belongs to.
        momentum: Momentum of SGD on pixels, in [0, 1].
        batch_real: Most real images per comparison, and per update of the network.
        batch_synthetic: Most synthetic images per comparison.
        strategy: Augmentations, joined by underscores; all are applied, with the same parameters
            for real and synthetic images.
        pretrain_epochs: Epochs of training of a network before the first comparison.
        network_images: Real images that a network is trained on after each comparison.
        network_learning_rate: Learning rate of SGD on the network.
        network_momentum: Momentum of SGD on the network, in [0, 1].
        network_weight_decay: Weight decay of SGD on the network, at least 0.
        network_cutmix: Whether the network is trained with CutMix instead of `cutout`.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ValueError: If a value is not valid; the message names the setting.
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
        """Return the learning rate for a number of images per class and an image side in pixels.

        Source: IDC (arXiv 2205.14959), released code.
        """
        return self.learning_rate * (ipc / REFERENCE_IPC) * (image_size / self.reference_size) ** 2
