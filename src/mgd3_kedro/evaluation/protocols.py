"""The configuration of a training, and the table of protocols it chooses from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mgd3_kedro.checks import check_choice, check_count, check_range, lookup
from mgd3_kedro.devices import DEVICES
from mgd3_kedro.evaluation.hard_label import HARD_LABEL
from mgd3_kedro.evaluation.recipe import Recipe
from mgd3_kedro.stages import neutral

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class EvaluationConfig:
    """Everything that decides a training except data, network and seed.

    Args:
        protocol: A name of `PROTOCOLS`.
        preset: A name of `presets`, written into result rows.
        presets: Name -> factor of the protocol's number of epochs; 1 is the published length.
        learning_rate: Initial rate; None takes the protocol's.
        momentum: Of SGD, in [0, 1].
        weight_decay: None takes the protocol's.
        batch_size: None takes the protocol's.
        cutmix: Whether every batch is mixed.
        flip_probability: Of mirroring, in [0, 1]; 0 where left and right differ, as in digits.
        crop_min_scale: Smallest share of the area a random crop keeps, in (0, 1].
        jitter_strength: Range of brightness, contrast and saturation around 1, in [0, 1].
        lighting_std: Standard deviation of the shift along each principal colour.
        validations: How often the test images are classified, at most; always after the last
            epoch.
        precision: A name of `PRECISIONS`.
        device: "auto", "cpu", "cuda" or "mps"; "auto" takes an accelerator if there is one.
        threads: CPU threads of one training; None leaves PyTorch's.

    Raises:
        ValueError: Naming the field that no training can run with.
    """

    protocol: str
    preset: str
    presets: Mapping[str, float]
    learning_rate: float | None
    momentum: float
    weight_decay: float | None
    batch_size: int | None
    cutmix: bool
    flip_probability: float
    crop_min_scale: float
    jitter_strength: float
    lighting_std: float
    validations: int
    precision: str
    device: str = neutral()
    threads: int | None = neutral()

    def __post_init__(self) -> None:
        lookup(PROTOCOLS, self.protocol, "protocol")
        for name, scale in self.presets.items():
            check_range(f"presets.{name}", scale, 0, low_open=True)
        lookup(self.presets, self.preset, "preset")
        if self.learning_rate is not None:
            check_range("learning_rate", self.learning_rate, 0, low_open=True)
        check_range("momentum", self.momentum, 0, 1)
        if self.weight_decay is not None:
            check_range("weight_decay", self.weight_decay, 0)
        if self.batch_size is not None:
            check_count("batch_size", self.batch_size)
        if not isinstance(self.cutmix, bool):
            raise ValueError(f"cutmix: expected true or false, got {self.cutmix!r}")
        check_range("flip_probability", self.flip_probability, 0, 1)
        check_range("crop_min_scale", self.crop_min_scale, 0, 1, low_open=True)
        check_range("jitter_strength", self.jitter_strength, 0, 1)
        check_range("lighting_std", self.lighting_std, 0)
        check_count("validations", self.validations)
        lookup(PRECISIONS, self.precision, "precision")
        check_choice("device", self.device, DEVICES)
        if self.threads is not None:
            check_count("threads", self.threads)

    @property
    def epoch_scale(self) -> float:
        """Factor of the protocol's number of epochs."""
        return self.presets[self.preset]


PROTOCOLS: dict[str, Recipe] = {"hard": HARD_LABEL}
"""Name -> recipe."""
